"""Commands that the calibration floor adds to ``sgmn``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from calibration.options import draw_options, enrol_option, exam_options
from runtime.commands.output import json_option, note, print_json, progress

if TYPE_CHECKING:
    from export.precision.plan import Method, Target

_path = click.Path(path_type=Path)


@click.command()
@click.argument("bundle", type=_path)
@click.option("--out", type=_path, required=True, help="Folder of the new bundle.")
@click.option(
    "--target",
    type=click.Choice(["cpu", "tensorrt"]),
    help="What the graphs are for. Default: as the plan says, else cpu.",
)
@click.option(
    "--plan", "plan_name", default="int8", show_default=True, help="Name, or .toml file, of a plan."
)
@click.option("--feed", "feeds", type=_path, multiple=True, required=True, help="Catalog feed.")
@draw_options
@click.option(
    "--reduce-range",
    type=click.Choice(["auto", "on", "off"]),
    help="No sum saturates on processors without VNNI; auto asks this one. Default: on.",
)
@click.option("--cache", type=_path, help="Folder of ranges, to find them once.")
@json_option
def quantize(
    bundle: Path,
    out: Path,
    target: Target | None,
    plan_name: str,
    feeds: tuple[Path, ...],
    pictures: tuple[Path, ...],
    videos: tuple[Path, ...],
    count: int | None,
    method: Method | None,
    seed: int | None,
    reduce_range: str | None,
    cache: Path | None,
    as_json: bool,
) -> None:
    """Make a bundle of another precision from the FP32 BUNDLE.

    With --target tensorrt the new bundle keeps the FP32 submodules, and the graphs that engines are
    built from come beside them.
    """
    from calibration.plans import PlanOptions, chosen_plan
    from calibration.samples import draw_samples
    from export.precision.maker import BundleMaker
    from runtime.bundle.manifest import SUBMODULES
    from runtime.bundle.reader import open_bundle

    source = open_bundle(bundle)
    options = PlanOptions(target, method, count, seed, reduce_range)
    plan = chosen_plan(plan_name, source.manifest.preset, options)
    drawn = plan.calibration
    samples = draw_samples(
        feeds=feeds, pictures=pictures, clips=videos, count=drawn.pictures, seed=drawn.seed
    )
    manifest = BundleMaker(source, samples, cache=cache, progress=progress).make(plan, out)
    prefix = "tensorrt/" if plan.target == "tensorrt" else ""
    parity = {name: manifest.parity[prefix + name] for name in SUBMODULES}
    size = sum(entry.size_bytes for entry in manifest.files.values())
    if as_json:
        answer = {"bundle": str(out), "plan": plan.as_dict(), "size_bytes": size, "parity": parity}
        print_json(answer)
        return
    for name, outputs in parity.items():
        for one in outputs:
            cosines = f"{one['mean_cosine']:.4f}, least {one['cosine']:.4f}"
            note(f"{name + '.' + one['output']:<26} mean cosine to FP32 {cosines}")
    click.echo(f"Wrote {out} ({size / 1e6:.1f} MB)")


@click.command()
@click.argument("bundle", type=_path)
@exam_options
@enrol_option
@click.option("--out", type=_path, required=True, help="Folder of the new bundle.")
@json_option
def calibrate(
    bundle: Path,
    manifest: Path,
    root: Path,
    catalog: Path,
    distractors: Path | None,
    enrol: Path | None,
    out: Path,
    as_json: bool,
) -> None:
    """Fit the confidence of BUNDLE to labelled clips.

    They are asked with and without speech, easy and hard. With --enrol the answers without and
    with the photos count together: a kiosk meets both.
    """
    from models.requirements import need_training_packages

    need_training_packages()
    from calibration.fitting import calibrate_bundle
    from models.evaluation.gallery import Stock

    stock = Stock(catalog, distractors, enrol)
    fitted = calibrate_bundle(bundle, manifest, root, stock, out, progress)
    if as_json:
        print_json({"bundle": str(out), **fitted.as_dict()})
        return
    click.echo(
        f"Wrote {out}: temperature {fitted.decision.temperature}, none-of-these score "
        f"{fitted.decision.open_set_score}, names from {fitted.decision.present:.2f} on; "
        f"calibration error {fitted.error_before:.3f} -> {fitted.error_after:.3f}"
    )
