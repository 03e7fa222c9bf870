"""``sgmn build``: TensorRT engines for this machine."""

from __future__ import annotations

from pathlib import Path

import click

from runtime.commands.output import json_option, note, print_json

_path = click.Path(path_type=Path)


@click.command()
@click.argument("bundle", metavar="[BUNDLE]", type=_path, required=False)
@click.option(
    "--out",
    type=_path,
    help="Folder of all engines. Default: the folder engines of $SGMN_HOME, where a kiosk looks.",
)
@click.option(
    "--precision",
    type=click.Choice(["stored", "fp32"]),
    default="stored",
    show_default=True,
    help="As the bundle's graphs for TensorRT say, or its FP32 submodules, to compare with.",
)
@click.option(
    "--workspace-mib",
    type=click.IntRange(16),
    default=1024,
    show_default=True,
    help="Most scratch memory of one layer.",
)
@click.option(
    "--timing-cache",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="Timing cache of a device of the same model, to build faster.",
)
@click.option(
    "--device", type=click.IntRange(0), default=0, show_default=True, help="Number of the GPU."
)
@click.option(
    "--rebuild",
    is_flag=True,
    help="Build also the engines that are there and fit, as after another --workspace-mib.",
)
@click.option(
    "--allow-untested",
    is_flag=True,
    help="Build with a release of TensorRT that is not supported or known to fail.",
)
@click.option(
    "--allow-fallback",
    is_flag=True,
    help="Take engines that compute in another precision than asked for.",
)
@json_option
def build(
    bundle: Path | None,
    out: Path | None,
    precision: str,
    workspace_mib: int,
    timing_cache: Path | None,
    device: int,
    rebuild: bool,
    allow_untested: bool,
    allow_fallback: bool,
    as_json: bool,
) -> None:
    """Build TensorRT engines of BUNDLE for this machine's GPU.

    Default: the bundle in use. Takes minutes on a Jetson. Engines that are there, fit and still
    compute what their graphs say are kept, so that an interrupted build goes on where it stopped.
    Each new one is inspected for the precision asked for and compared with ONNX Runtime before it
    counts.
    """
    from export.tensorrt.build_report import BuildOptions
    from export.tensorrt.bundle_builder import BundleBuilder
    from export.tensorrt.memory import MIB
    from runtime.bundle.current import bundle_in_use
    from runtime.bundle.reader import open_bundle
    from runtime.home import engines_folder

    opened = open_bundle(bundle or bundle_in_use())
    options = BuildOptions(
        out=out or engines_folder(),
        exact=precision == "fp32",
        workspace_bytes=workspace_mib * MIB,
        timing_cache=timing_cache,
        device=device,
        rebuild=rebuild,
        allow_untested=allow_untested,
        allow_fallback=allow_fallback,
    )
    report = BundleBuilder(opened, options, note).build()
    if as_json:
        print_json({"bundle": opened.digest, **report.as_dict()})
    else:
        click.echo(str(report.folder))
