"""``sgmn bench``: latency against named alternatives."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import click

from calibration.options import items_option
from runtime.commands.options import bundle_option
from runtime.commands.output import json_option, note, print_json

if TYPE_CHECKING:
    from calibration.bench.results import Results

T = TypeVar("T")
_path = click.Path(path_type=Path)

QUICK_ROUNDS, ROUNDS = 30, 100
QUICK_LIMIT_S, LIMIT_S = 30.0, 300.0
"""A busy or slow machine gets fewer rounds rather than another hour."""

QUIET_LOAD = 0.5
"""Load average from which on the machine counts as busy."""


@click.command()
@bundle_option
@click.option("--fp32", type=_path, help="FP32 bundle of the same network. Default: exported.")
@click.option(
    "--checkpoint",
    type=_path,
    help="Checkpoint of the same network. Default: the preset with random heads, as fast.",
)
@click.option(
    "--tensorrt",
    type=_path,
    help="Bundle of the same network whose engines are built, for a GPU. Default: --bundle.",
)
@click.option("--quick", is_flag=True, help="A few minutes: no torch.compile, release scaled.")
@click.option(
    "--only",
    "parts",
    type=click.Choice(["kiosk", "submodules", "gpu", "shelf"]),
    multiple=True,
    help="Measure these alone.",
)
@click.option(
    "--threads", type=click.IntRange(min=1), multiple=True, help="Default: 1 and, if there, 2."
)
@items_option("Products of the catalog.")
@click.option(
    "--shelf",
    type=click.IntRange(min=1),
    default=603,
    show_default=True,
    help="Products of the shelf on which the release is measured.",
)
@click.option("--rounds", type=click.IntRange(min=2), help="Default: 100, with --quick 30.")
@click.option("--compile/--no-compile", "compiled", default=None, help="Default: not with --quick.")
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True)
@click.option("--cache", type=_path, help="Folder of exported bundles. Default: the user's cache.")
@click.option("--out", type=_path, help="JSON file with raw samples; in a folder it gets a name.")
@json_option
def bench(
    bundle_folder: Path | None,
    fp32: Path | None,
    checkpoint: Path | None,
    tensorrt: Path | None,
    quick: bool,
    parts: tuple[str, ...],
    threads: tuple[int, ...],
    items: int,
    shelf: int,
    rounds: int | None,
    compiled: bool | None,
    seed: int,
    cache: Path | None,
    out: Path | None,
    as_json: bool,
) -> None:
    """Time the bundle in use against FP32, torch and the release.

    The release is the published procedure, which encodes the whole shelf for each query.
    All alternatives of a contest run in one process, in rounds, in a random order.
    """
    from models.requirements import need_training_packages

    need_training_packages()
    from calibration.bench.material import default_cache
    from calibration.bench.release.query import Sampled
    from calibration.bench.run import PARTS, Bench, Settings, Sources
    from runtime.bundle.current import bundle_in_use

    bundle, kept = bundle_folder or bundle_in_use(), cache or default_cache()
    sources = Sources(bundle, fp32, checkpoint, kept, tensorrt)
    settings = Settings(
        quick=quick,
        parts=parts or PARTS,
        threads=threads or _usual_threads(),
        items=items,
        rounds=rounds or (QUICK_ROUNDS if quick else ROUNDS),
        limit_s=QUICK_LIMIT_S if quick else LIMIT_S,
        compiled=not quick if compiled is None else compiled,
        sampled=Sampled(shelf),
        seed=seed,
    )
    if out is not None:
        _require_place(out)
    _warn_of_load()
    results = Bench(sources, settings, between_rounds).run()
    if out is not None:
        _write(results, out)
    if as_json:
        print_json(results.as_dict(raw=False))
        return
    from calibration.bench.page import print_results

    print_results(results)


def between_rounds(items: Iterable[T], *, label: str, total: int) -> Iterator[T]:
    """A progress bar that is drawn between two rounds and never while one is timed."""
    from rich.console import Console
    from rich.progress import Progress

    console = Console(stderr=True)
    with Progress(console=console, auto_refresh=False, disable=not console.is_terminal) as bar:
        task = bar.add_task(label, total=total)
        for item in items:
            yield item
            bar.advance(task)
            bar.refresh()


def _usual_threads() -> tuple[int, ...]:
    from runtime.machine import cpu

    return (1, 2) if cpu().cores > 1 else (1,)


def _warn_of_load() -> None:
    load = os.getloadavg()[0]
    if load >= QUIET_LOAD:
        note(f"The load average is {load:.1f}: trust the ratios, not the milliseconds.")


def _require_place(out: Path) -> None:
    """Before minutes are spent on what could not be written."""
    from runtime.errors import UsageError

    folder = out if out.is_dir() else out.parent
    if not (folder.is_dir() and os.access(folder, os.W_OK)):
        raise UsageError(
            f"{out} cannot be written",
            why=f"{folder} is not a folder that can be written",
            fix="make the folder, or name another file with --out",
        )


def _write(results: Results, out: Path) -> None:
    import json

    from calibration.bench.naming import file_name
    from runtime.bundle.files import write_durably
    from runtime.machine import cpu, package_version

    versions = {name: package_version(name) for name in ("onnxruntime", "torch")}
    place = out / file_name("bench", cpu(), versions) if out.is_dir() else out
    write_durably(place, (json.dumps(results.as_dict(raw=True), indent=1) + "\n").encode())
    note(f"Wrote {place}")
