"""``sgmn sensitivity``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from calibration.options import NumberRange, budget_option, draw_options, exam_options
from runtime.commands.output import json_option, print_json, progress, table

if TYPE_CHECKING:
    from calibration.records.measurement import Cosine
    from calibration.records.search import SearchStep
    from calibration.records.sensitivity import Effect, Sensitivity
    from calibration.sensitivity.study import Study
    from export.precision.plan import Method
    from models.evaluation.metrics import Estimate

_path = click.Path(path_type=Path)
_count = click.IntRange(min=0)

BLOCKS = ("block", "cosine", "held", "R@1", "ms saved", "held ms", "KB saved")
VISITS = ("move", "block", "cosine", "R@1", "accepted", "why")


@click.command()
@click.argument("bundle", type=_path)
@exam_options
@click.option("--out", type=_path, required=True, help="Folder of results; a later run goes on.")
@click.option(
    "--plan",
    "plan_name",
    default="int8-encoders",
    show_default=True,
    help="Plan, or .toml file, with everything in INT8 that may be.",
)
@click.option(
    "--feed", "feeds", type=_path, multiple=True, help="To calibrate with. Default: --catalog."
)
@draw_options
@click.option(
    "--judged",
    type=_count,
    default=5,
    show_default=True,
    help="Most sensitive blocks whose R@1 is measured.",
)
@click.option(
    "--rounds", type=_count, default=60, show_default=True, help="Steps timed; 0 for no times."
)
@click.option("--threads", type=click.IntRange(min=1), default=1, show_default=True)
@click.option(
    "--search/--no-search", default=True, show_default=True, help="Search for a mixed plan."
)
@budget_option("the plan")
@click.option(
    "--cosine",
    type=NumberRange(0, 1),
    default=0.99,
    show_default=True,
    help="Mean cosine of query vectors that the plan must keep.",
)
@json_option
def sensitivity(
    bundle: Path,
    manifest: Path,
    root: Path,
    catalog: Path,
    distractors: Path | None,
    out: Path,
    plan_name: str,
    feeds: tuple[Path, ...],
    pictures: tuple[Path, ...],
    videos: tuple[Path, ...],
    count: int | None,
    method: Method | None,
    seed: int | None,
    judged: int,
    rounds: int,
    threads: int,
    search: bool,
    budget: float,
    cosine: float,
    as_json: bool,
) -> None:
    """Find the blocks of the FP32 BUNDLE that suffer from INT8.

    Every block is tried alone in INT8 against FP32, and held back against everything in INT8. The
    search holds blocks in that order until the budget is met; its plan is OUT/mixed.toml.
    """
    from models.requirements import need_training_packages

    need_training_packages()
    from calibration.budget import Budget
    from calibration.measurement.exam import Exam
    from calibration.measurement.steps import Conditions
    from calibration.measurement.workplace import Sources, Workplace
    from calibration.plans import PlanOptions, chosen_plan
    from calibration.sensitivity.study import PLAN, study
    from calibration.sensitivity.sweep import Effort
    from models.evaluation.gallery import Stock
    from runtime.bundle.reader import open_bundle

    options = PlanOptions(method=method, pictures=count, seed=seed)
    source = open_bundle(bundle)
    whole = chosen_plan(plan_name, source.manifest.preset, options)
    place = Workplace(
        source=source,
        exam=Exam(manifest, root, Stock(catalog, distractors)),
        sources=Sources(feeds or (catalog,), pictures, videos),
        out=out,
        conditions=Conditions(threads=threads),
    )
    effort, wanted = Effort(judged, rounds), Budget(budget / 100) if search else None
    with place.open() as measurer:
        found = study(measurer, whole, effort, wanted, progress, cosine)
        found.write(out)
    if as_json:
        print_json({"out": str(out), **found.as_dict()})
        return
    _show(found)
    if found.found is not None:
        click.echo(f"Wrote {out / PLAN}; use it with: sgmn quantize --plan {out / PLAN}")


def _show(found: Study) -> None:
    table(
        f"Blocks of {found.whole.name}, the most sensitive first",
        BLOCKS,
        [_block(one) for one in found.sensitivities],
    )
    click.echo(
        "cosine: mean, of query vectors to FP32's, where only this block is INT8; R@1, ms and KB "
        "likewise, ms of a step. held: everything else is INT8; what holding the block back gains"
    )
    if found.found is None:
        return
    table("Search for a mixed plan", VISITS, [_visit(step) for step in found.found.steps])
    if not found.found.within_budget:
        click.echo("No plan of this kind meets the budget; the last one visited is written.")


def _block(one: Sensitivity) -> tuple[str, ...]:
    alone, held = one.alone, one.held
    return (
        one.block or f"all of\n{one.submodule}",
        _cosine(alone.query_cosine),
        "-" if held is None else f"{held.query_cosine.mean:.4f}\n{held.cosine_change:+.4f}",
        _points(alone.r1_change),
        _saved(alone),
        "-" if held is None else _saved(held),
        f"{alone.saved_bytes / 1e3:.0f}",
    )


def _visit(step: SearchStep) -> tuple[str, ...]:
    return (
        step.move,
        step.block or "-",
        _cosine(step.query_cosine),
        _points(step.r1_change),
        "yes" if step.accepted else "no",
        step.why,
    )


def _cosine(value: Cosine) -> str:
    return f"{value.mean:.4f}"


def _points(value: Estimate | None) -> str:
    return "-" if value is None else f"{value.value * 100:+.1f}"


def _saved(effect: Effect) -> str:
    saved = effect.saved_ms
    if saved is None:
        return "-"
    if saved.low is None or saved.high is None:
        return f"{saved.value:+.2f}"
    return f"{saved.value:+.2f}\n{saved.low:+.2f} to {saved.high:+.2f}"
