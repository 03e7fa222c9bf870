"""``sgmn report``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from calibration.options import budget_option, enrol_option, exam_options, items_option
from runtime.commands.output import json_option, print_json, progress, table
from runtime.errors import UsageError

if TYPE_CHECKING:
    from calibration.budget import Budget
    from calibration.records.report import Report
    from export.precision.plan import Target

_path = click.Path(path_type=Path)

COLUMNS = ("plan", "R@1", "change", "p50 ms", "p95 ms", "times FP32", "MB", "budget")


@click.command()
@click.argument("bundle", type=_path)
@exam_options
@enrol_option
@click.option(
    "--pictures", type=_path, multiple=True, help="Folder of in-store pictures to calibrate with."
)
@click.option(
    "--plan",
    "plan_names",
    multiple=True,
    help="Plan, or .toml file, to measure. Default: the usual ones.",
)
@click.option(
    "--target",
    type=click.Choice(["cpu", "tensorrt"]),
    default="cpu",
    show_default=True,
    help="Of all plans. Graphs for TensorRT are judged by their rounding alone, not timed.",
)
@click.option("--shipped", type=_path, help="Bundle that ships now.")
@budget_option("a plan")
@click.option("--out", type=_path, required=True, help="Folder of the report; a later run goes on.")
@click.option("--threads", type=click.IntRange(min=1), default=1, show_default=True)
@items_option("Products of the catalog that steps are timed with.")
@click.option("--gate", is_flag=True, help="Fail when the bundle that ships misses its budget.")
@click.option("--quick", is_flag=True, help="Fewer steps, fewer calibrations, no times of blocks.")
@json_option
def report(
    bundle: Path,
    manifest: Path,
    root: Path,
    catalog: Path,
    distractors: Path | None,
    enrol: Path | None,
    pictures: tuple[Path, ...],
    plan_names: tuple[str, ...],
    target: Target,
    shipped: Path | None,
    budget: float,
    out: Path,
    threads: int,
    items: int,
    gate: bool,
    quick: bool,
    as_json: bool,
) -> None:
    """Weigh precision plans of the FP32 BUNDLE and recommend one.

    Accuracy is weighed against latency. OUT/index.html is one page for shops and engineers. What
    was measured is kept in OUT: the same command goes on where an interrupted or killed one ended.
    """
    _require_shipped(shipped, gate=gate)
    from models.requirements import need_training_packages

    need_training_packages()
    from dataclasses import replace

    from calibration import recommendation
    from calibration.budget import Budget
    from calibration.measurement.exam import Exam
    from calibration.measurement.workplace import Sources, Workplace
    from calibration.plans import PlanOptions, chosen_plan
    from calibration.report.extent import FULL, QUICK
    from calibration.report.plans import START, asked_plans, shipped_bundle
    from calibration.report.run import run
    from calibration.survey import Survey
    from export.precision.blocks import require_blocks
    from models.evaluation.gallery import Stock
    from runtime.bundle.reader import open_bundle

    source = open_bundle(bundle)
    preset = source.manifest.preset
    plans, allowed = asked_plans(plan_names, preset, target), Budget(budget / 100)
    for plan in plans:
        require_blocks(plan, source)
    extent = QUICK if quick else FULL
    place = Workplace(
        source=source,
        exam=Exam(manifest, root, Stock(catalog, distractors, enrol)),
        sources=Sources((catalog,), pictures),
        out=out,
        conditions=extent.conditions(threads, items),
        ready=shipped_bundle(shipped, plans, target),
        target=target,
    )
    ready = [plan for plan, _ in place.plans()]
    survey = Survey(
        plans=[*ready, *plans],
        whole=chosen_plan(START, preset, PlanOptions(target=target)),
        budget=allowed,
        effort=extent.blocks if target == "cpu" else replace(extent.blocks, rounds=0),
        counts=extent.counts,
        judged=extent.judged,
        shipped=ready[0].name if ready else None,
        quick=quick,
    )
    found = run(place, survey, progress, _command_line())
    if as_json:
        print_json(_as_dict(found, out, allowed))
    else:
        _show(found, out, allowed)
    if gate:
        recommendation.gate(found, allowed)


def _require_shipped(shipped: Path | None, *, gate: bool) -> None:
    if gate and shipped is None:
        raise UsageError(
            "there is nothing to gate",
            why="--gate judges the bundle that ships",
            fix="--shipped DIR",
        )


def _command_line() -> str:
    """This command as it was given."""
    import shlex
    import sys

    return shlex.join(["sgmn", *sys.argv[1:]])


def _as_dict(found: Report, out: Path, allowed: Budget) -> dict[str, Any]:
    from calibration.report.tables import plan_rows

    return {
        "report": str(out / "index.html"),
        "recommended": found.recommendation.plan.as_dict(),
        "proven": found.recommendation.proven,
        "shipped": found.shipped,
        "shipped_within_budget": _within(found, allowed),
        "reasons": list(found.recommendation.reasons),
        "plans": plan_rows(found),
    }


def _within(found: Report, allowed: Budget) -> bool | None:
    if found.shipped is None:
        return None
    return allowed.allows(found.of(found.shipped).overall.r1_change)


def _show(found: Report, out: Path, allowed: Budget) -> None:
    from calibration.report.sentences import summary, verdict

    rows = []
    for one in found.measurements:
        asked, times = one.overall, one.latency
        ratio = None if times is None else times.ratio
        rows.append(
            (
                one.plan.name,
                f"{asked.r1.value * 100:.1f}",
                f"{asked.r1_change.value * 100:+.1f}",
                "-" if times is None else f"{times.p50.value:.2f}",
                "-" if times is None else f"{times.p95.value:.2f}",
                "-" if ratio is None else f"{ratio.value:.2f}",
                f"{one.total_bytes / 1e6:.1f}",
                "within" if allowed.allows(asked.r1_change) else "missed",
            )
        )
    table("Accuracy against latency", COLUMNS, rows)
    click.echo(f"{verdict(found)}.")
    for sentence in summary(found):
        click.echo(sentence)
    click.echo(f"Wrote {out / 'index.html'}")
