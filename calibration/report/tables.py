"""The figures of a report as rows of CSV files."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from calibration.budget import Budget
from calibration.records.measurement import PlanMeasurement
from calibration.records.report import Report
from models.evaluation.metrics import Estimate
from models.evaluation.page.files import csv_text
from runtime.bundle.manifest import SUBMODULES

Row = dict[str, Any]

NAMES = (
    "plans.csv",
    "questions.csv",
    "likeness.csv",
    "sensitivity.csv",
    "calibration.csv",
    "search.csv",
    "rank-changes.csv",
)


def csv_files(report: Report) -> dict[str, str]:
    """Tables by file name; one without rows is left out."""
    tables: tuple[Iterable[Row], ...] = (
        plan_rows(report),
        _questions(report),
        _likeness(report),
        _sensitivities(report),
        _comparisons(report),
        _search(report),
        _rank_changes(report),
    )
    listed = {name: list(rows) for name, rows in zip(NAMES, tables, strict=True)}
    return {name: csv_text(rows) for name, rows in listed.items() if rows}


def plan_rows(report: Report) -> list[Row]:
    """A row a plan: everything but what has a table of its own."""
    return [_plan(report, one) for one in report.measurements]


def _plan(report: Report, one: PlanMeasurement) -> Row:
    name, asked = one.plan.name, one.overall
    return {
        "plan": name,
        "target": one.plan.target,
        **{part: precision(one, part) for part in SUBMODULES},
        "recommended": name == report.recommendation.plan.name,
        "shipped": name == report.shipped,
        "within_budget": Budget(report.recommendation.budget).allows(asked.r1_change),
        "bytes": one.total_bytes,
        **_times(one),
        "peak_memory_bytes": _known(one.peak_memory_bytes),
        "energy_j": _known(one.energy_j),
        "question": asked.name,
        "clips": asked.clips,
        **_bounds("r1", asked.r1),
        **_bounds("r5", asked.r5),
        **_bounds("mrr", asked.mrr),
        **_bounds("r1_change", asked.r1_change),
        "query_cosine_mean": one.query_cosine.mean,
        "query_cosine_least": one.query_cosine.least,
        "agreement_at_10": one.agreement.top10,
        "decision_changes": one.agreement.decision_changes,
        "calibration_error_before": one.confidence.before,
        "calibration_error_after": one.confidence.after,
        "bundle_digest": one.bundle_digest,
    }


def precision(one: PlanMeasurement, submodule: str) -> str:
    """Precision of a submodule in short: ``int8``, ``int8, 3 blocks fp32``."""
    plan = one.plan.of(submodule)
    if not plan.held:
        return plan.precision
    blocks = "block" if len(plan.held) == 1 else "blocks"
    return f"{plan.precision}, {len(plan.held)} {blocks} {plan.held_precision}"


def _times(one: PlanMeasurement) -> Row:
    times = one.latency
    return {
        **_bounds("p50_ms", None if times is None else times.p50),
        **_bounds("p95_ms", None if times is None else times.p95),
        **_bounds("p99_ms", None if times is None else times.p99),
        **_bounds("time_ratio", None if times is None else times.ratio),
        "steps_per_second": "" if times is None else times.throughput,
        "threads": "" if times is None else times.threads,
        "items": "" if times is None else times.catalog,
        "provider": "" if times is None else times.provider,
    }


def _questions(report: Report) -> Iterator[Row]:
    for one in report.measurements:
        for asked in one.accuracy:
            yield {
                "plan": one.plan.name,
                "question": asked.name,
                "clips": asked.clips,
                **_bounds("r1", asked.r1),
                **_bounds("r5", asked.r5),
                **_bounds("mrr", asked.mrr),
                **_bounds("r1_change", asked.r1_change),
            }


def _likeness(report: Report) -> Iterator[Row]:
    for one in report.measurements:
        for output, found in one.cosine.items():
            yield {
                "plan": one.plan.name,
                "output": output,
                "cosine_mean": found.mean,
                "cosine_least": found.least,
            }


def _sensitivities(report: Report) -> Iterator[Row]:
    for one in report.sensitivities:
        for kind, effect in (("alone", one.alone), ("held", one.held)):
            if effect is not None:
                yield {
                    "submodule": one.submodule,
                    "block": one.block or "",
                    "tried": kind,
                    "query_cosine_mean": effect.query_cosine.mean,
                    "query_cosine_least": effect.query_cosine.least,
                    "cosine_change": effect.cosine_change,
                    **_bounds("r1_change", effect.r1_change),
                    **_bounds("saved_ms", effect.saved_ms),
                    "saved_bytes": effect.saved_bytes,
                }


def _comparisons(report: Report) -> Iterator[Row]:
    for one in report.comparisons:
        yield {
            "method": one.method,
            "pictures": one.pictures,
            "seed": one.seed,
            "query_cosine_mean": one.query_cosine.mean,
            "query_cosine_least": one.query_cosine.least,
            **_bounds("r1", one.r1),
            **_bounds("r1_change", one.r1_change),
        }


def _search(report: Report) -> Iterator[Row]:
    for number, step in enumerate(report.search, start=1):
        yield {
            "visit": number,
            "move": step.move,
            "submodule": step.submodule or "",
            "block": step.block or "",
            "query_cosine_mean": step.query_cosine.mean,
            **_bounds("r1_change", step.r1_change),
            "within_budget": step.within_budget,
            "accepted": step.accepted,
            "why": step.why,
        }


def _rank_changes(report: Report) -> Iterator[Row]:
    for one in report.measurements:
        for change in one.agreement.rank_changes:
            yield {
                "plan": one.plan.name,
                "question": change.question,
                "clip_id": change.clip_id,
                "product_id": change.product_id,
                "rank_fp32": change.before,
                "rank_plan": change.after,
                "named_id": change.named_id,
            }


def _bounds(name: str, one: Estimate | None) -> Row:
    if one is None:
        return {name: "", f"{name}_low": "", f"{name}_high": ""}
    return {name: one.value, f"{name}_low": _known(one.low), f"{name}_high": _known(one.high)}


def _known(value: float | None) -> float | str:
    return "" if value is None else value
