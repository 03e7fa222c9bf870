"""``sgmn gpu-check``: what only a GPU can prove."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from calibration.options import items_option
from runtime.commands.output import json_option, note, print_json

if TYPE_CHECKING:
    from calibration.gpu_check.job import Data, Job
    from calibration.gpu_check.section import Section

_path = click.Path(path_type=Path)
_presets = click.option(
    "--preset",
    "presets",
    type=click.Choice(["tiny", "lite", "b32"]),
    multiple=True,
    default=["tiny", "lite", "b32"],
    show_default=True,
    help="Network. May be given several times.",
)

QUICK_ROUNDS, ROUNDS = 20, 100
QUICK_STEPS, STEPS = 2_000, 10_000
SIZES = (1_000, 10_000, 100_000, 1_000_000)


@click.group(name="gpu-check")
def gpu_check() -> None:
    """Prove on a GPU what nothing else can.

    That is engines, parity, speed, memory and fallbacks. Networks are prepared where torch is, and
    checked where the GPU is.
    """


@gpu_check.command()
@click.option("--out", type=_path, required=True, help="New folder.")
@_presets
@click.option("--lite", type=_path, help="Trained FP32 bundle of preset lite. Default: drawn.")
@click.option("--cache", type=_path, help="Folder of exported bundles. Default: the user's cache.")
@click.option("--parts", is_flag=True, help="Write OUT.tar.xz.00, .01, ... as well, to carry it.")
@json_option
def prepare(
    out: Path,
    presets: tuple[str, ...],
    lite: Path | None,
    cache: Path | None,
    parts: bool,
    as_json: bool,
) -> None:
    """Write the networks of the check, each in FP32, FP16 and INT8."""
    from calibration.gpu_check.material import write_parts

    about = _prepare(out, presets, lite, cache)
    made = []
    if parts:
        note("packing")
        made = write_parts(out, out.with_name(out.name + ".tar.xz"))
    sizes = [part.stat().st_size for part in made]
    if as_json:
        parts_made = [{"file": str(p), "bytes": n} for p, n in zip(made, sizes, strict=True)]
        print_json({"material": str(out), **about, "parts": parts_made})
        return
    packed = f", {len(sizes)} parts of {sum(sizes) / 1e6:.0f} MB in all" if sizes else ""
    click.echo(f"Wrote {out} ({about['size_bytes'] / 1e6:.0f} MB){packed}")


@gpu_check.command()
@click.argument("material", type=_path)
@click.option("--out", type=_path, required=True, help="JSON file.")
@click.option(
    "--prepare",
    "prepares",
    is_flag=True,
    help="Prepare MATERIAL before, where it is not there; needs torch.",
)
@click.option(
    "--work",
    type=_path,
    help="Folder of the engines; kept, so that a second run goes on. Default: MATERIAL-work.",
)
@_presets
@items_option("Products of the catalog of a step.")
@click.option("--steps", type=click.IntRange(min=100), help="Default: 10,000, with --quick 2,000.")
@click.option(
    "--workspace-mib",
    type=click.IntRange(16),
    default=1024,
    show_default=True,
    help="As of sgmn build.",
)
@click.option("--only", "only", multiple=True, help="Sections whose names begin so.")
@click.option("--quick", is_flag=True, help="Fewer rounds and steps, catalogs up to 10,000.")
@click.option(
    "--limit-s",
    type=click.FloatRange(min=1.0),
    default=460.0,
    show_default=True,
    help="Seconds for all; what they do not suffice for is cut, and told.",
)
@click.option("--clips", type=_path, help="Labelled clips, for accuracy.")
@click.option("--root", type=_path, help="Folder the photo paths are relative to.")
@click.option("--catalog", type=_path, help="Feed of the products.")
@click.option("--distractors", type=_path, help="Feed of more products, which no clip shows.")
@click.option("--enrol", type=_path, help="List of photos to enrol.")
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True)
@json_option
def run(
    material: Path,
    out: Path,
    prepares: bool,
    work: Path | None,
    presets: tuple[str, ...],
    items: int,
    steps: int | None,
    workspace_mib: int,
    only: tuple[str, ...],
    quick: bool,
    limit_s: float,
    clips: Path | None,
    root: Path | None,
    catalog: Path | None,
    distractors: Path | None,
    enrol: Path | None,
    seed: int,
    as_json: bool,
) -> int:
    """Check the prepared networks in MATERIAL on this machine.

    Writes one JSON file. Every section is a process of its own: one that fails is told, and the
    others go on. The file is written after every section, so that nothing is lost where the check
    is ended. The exit code is 1 where a section failed; a goal that is missed is told and no
    failure.
    """
    from calibration.gpu_check.check import require_gpu
    from calibration.gpu_check.check import run as run_all
    from calibration.gpu_check.job import Job
    from calibration.gpu_check.material import read_material
    from calibration.gpu_check.page import print_check
    from calibration.gpu_check.runner import Runner
    from runtime.bundle.files import write_durably

    require_gpu()
    _require_place(out)
    if prepares and not material.exists():
        _prepare(material, presets)
    there = read_material(material)["presets"]
    job = Job(
        material=material.absolute(),
        work=(work or material.with_name(material.name + "-work")).absolute(),
        presets=tuple(preset for preset in presets if preset in there),
        data=_data(clips, root, catalog, distractors, enrol),
        items=items,
        steps=steps or (QUICK_STEPS if quick else STEPS),
        rounds=QUICK_ROUNDS if quick else ROUNDS,
        workspace_mib=workspace_mib,
        sizes=SIZES[:2] if quick else SIZES,
        seed=seed,
    )
    for found in run_all(job, _chosen(job, only), Runner(job, limit_s, note)):
        write_durably(out, (json.dumps(found.as_dict(), indent=1) + "\n").encode())
    if as_json:
        print_json(found.as_dict())
    else:
        print_check(found)
    return 1 if found.named("failed") else 0


@gpu_check.command(name="torch")
@click.argument("material", type=_path)
@click.option("--out", type=_path, required=True, help="JSON file.")
@_presets
@items_option("Products of the catalog of a step.")
@click.option("--rounds", type=click.IntRange(min=1), default=ROUNDS, show_default=True)
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True)
@json_option
def torch_alone(
    material: Path,
    out: Path,
    presets: tuple[str, ...],
    items: int,
    rounds: int,
    seed: int,
    as_json: bool,
) -> None:
    """Time torch alone on this machine's GPU.

    For where TensorRT is in another Python. It stands for the sections rivals, whose pairs it
    cannot have: compare with latency of a run on the same machine.
    """
    from calibration.gpu_check.check import require_gpu
    from calibration.gpu_check.material import read_material
    from calibration.gpu_check.outcome import SkippedError
    from calibration.gpu_check.torch_times import torch_times
    from runtime.bundle.files import write_durably
    from runtime.errors import DependencyError
    from runtime.machine import describe, package_version

    require_gpu()
    _require_place(out)
    there = read_material(material)["presets"]
    found: dict[str, Any] = {"torch": package_version("torch"), "machine": describe()}
    found["presets"] = {}
    for preset in (one for one in presets if one in there):
        note(f"{preset}: compiling and timing")
        try:
            found["presets"][preset] = torch_times(material, preset, items, rounds, seed)
        except SkippedError as error:
            raise DependencyError(error.what, why=error.why, fix=error.fix) from error
        write_durably(out, (json.dumps(found, indent=1) + "\n").encode())
    if as_json:
        print_json(found)
        return
    for preset, one in found["presets"].items():
        for name, times in one["alternatives"].items():
            click.echo(f"{preset:<5} {name:<17} p50 {times['p50_ms']:.3f} ms")
        for name, why in one["skipped"].items():
            click.echo(f"{preset:<5} {name:<17} skipped: {why}")


def _prepare(
    out: Path, presets: tuple[str, ...], lite: Path | None = None, cache: Path | None = None
) -> dict[str, Any]:
    from models.requirements import need_training_packages

    need_training_packages()
    from calibration.bench.material import default_cache
    from calibration.gpu_check.prepare import prepare

    given = {"lite": lite} if lite is not None else {}
    return prepare(out, presets, given, cache or default_cache(), note)


def _chosen(job: Job, only: tuple[str, ...]) -> list[Section]:
    from calibration.gpu_check.check import FIRST
    from calibration.gpu_check.section import sections
    from runtime.errors import UsageError

    every = sections(job)
    wanted = [s for s in every if not only or s.name == FIRST or s.name.startswith(only)]
    if only and len(wanted) < 2:
        raise UsageError(
            f"there is no section {', '.join(only)}",
            why=f"there are {', '.join(section.name for section in every)}",
            fix="name the beginning of one with --only",
        )
    # What a chosen section needs is run as well: engines that are there are kept.
    named = {section.name for section in wanted}
    needed = {name for section in wanted for name in section.needs} | named
    return [section for section in every if section.name in needed]


def _data(
    clips: Path | None,
    root: Path | None,
    catalog: Path | None,
    distractors: Path | None,
    enrol: Path | None,
) -> Data | None:
    from calibration.gpu_check.job import Data
    from runtime.errors import UsageError

    if clips is None and root is None and catalog is None:
        return None
    if clips is None or root is None or catalog is None:
        raise UsageError(
            "accuracy cannot be measured",
            why="--clips, --root and --catalog belong together",
            fix="give all three, or none",
        )
    here = [path and path.absolute() for path in (distractors, enrol)]
    return Data(
        clips=clips.absolute(),
        root=root.absolute(),
        catalog=catalog.absolute(),
        distractors=here[0],
        enrol=here[1],
    )


def _require_place(out: Path) -> None:
    """Before minutes are spent on what could not be written."""
    from runtime.errors import UsageError

    if out.is_dir() or not (out.parent.is_dir() and os.access(out.parent, os.W_OK)):
        raise UsageError(
            f"{out} cannot be written",
            why=f"{out.parent} is not a folder that can be written, or {out} is a folder",
            fix="name another file with --out",
        )
