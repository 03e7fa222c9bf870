"""The top of the page: what is recommended and what it means, for people who run shops."""

from __future__ import annotations

from collections.abc import Iterator

from calibration.budget import Budget
from calibration.recommendation import ITSELF, overlap
from calibration.records.measurement import PlanMeasurement, QuestionAccuracy
from calibration.records.report import Report
from calibration.report.numbers import milliseconds, of_hundred, span
from models.evaluation.metrics import Estimate
from models.evaluation.report.sentences import LOOKS, VIEWS

FEW = 0.005
"""Less than one of a hundred, rounded."""


def verdict(report: Report) -> str:
    """One line: what to do."""
    name = report.recommendation.plan.name
    if report.shipped == name:
        return f"Keep what ships: {name}"
    if name == report.reference.plan.name:
        move = "Stay with" if report.shipped is None else "Go back to"
        return f"{move} full precision: {name}"
    if report.reference.latency is None:
        return f"Time {name} on the device"
    return f"Ship {name}"


def summary(report: Report) -> list[str]:
    """What the recommendation means, a sentence or two each."""
    chosen = report.of(report.recommendation.plan.name)
    return [
        *_right(report, chosen),
        *_fast(report, chosen),
        *_screen(report, chosen),
        *_shipped(report),
        *_next(report),
        *_hasty(report),
    ]


def asked(question: QuestionAccuracy) -> str:
    """What a question is, for people."""
    if question.modality is None:
        return "all questions together"
    view = f" ({VIEWS[question.tier]})" if question.tier else ""
    photos = ", photos added" if question.enrolled else ""
    return LOOKS[question.modality] + view + photos


def _right(report: Report, chosen: PlanMeasurement) -> Iterator[str]:
    full, now = report.reference.overall, chosen.overall
    first = f"Of 100 answers, {of_hundred(full.r1.value)} name the product shown at full precision"
    if chosen is report.reference:
        yield f"{first}."
        return
    told = f"{first} and {of_hundred(now.r1.value)} do with {chosen.plan.name}."
    yield f"{told} {_likely(now.r1_change)}".rstrip()
    if not report.recommendation.proven:
        yield (
            f"{report.clips} clips are too few to prove that the loss stays within "
            f"{_budget(report)}; what was measured does."
        )


def _likely(change: Estimate) -> str:
    if change == Estimate(0.0, 0.0, 0.0):
        return "It is as many for every product."
    bounds = span(change, 100, sign=True).replace(" to ", " and ")
    return f"The true change likely lies between {bounds}." if bounds else ""


def _fast(report: Report, chosen: PlanMeasurement) -> Iterator[str]:
    if chosen.latency is None or report.reference.latency is None:
        yield "How long a step takes was not measured: that needs the device itself."
        return
    step = "A step, from a new camera frame to an answer,"
    now = chosen.latency
    usual = milliseconds(now.p50.value)
    slow = f"95 of 100 steps take less than {milliseconds(now.p95.value)} ms."
    if now.ratio is None:
        yield f"{step} usually takes {usual} ms; {slow}"
        return
    yield f"{step} usually takes {usual} ms, {_speed(now.ratio)}. {slow}"


def _speed(ratio: Estimate) -> str:
    """What a ratio of times means; where FP32 may be as fast, it says so."""
    if overlap(ratio, ITSELF):
        return "neither faster nor slower than at full precision, as far as could be told"
    if ratio.value < 1:
        return f"{1 / ratio.value:.1f} times as fast as at full precision"
    return f"{ratio.value:.1f} times as long as at full precision"


def _screen(report: Report, chosen: PlanMeasurement) -> Iterator[str]:
    if chosen is report.reference:
        return
    changed = chosen.agreement.decision_changes
    if not changed:
        yield "The screen says the same as at full precision for every question."
        return
    many = "fewer than 1" if changed < FEW else of_hundred(changed)
    yield f"For {many} of 100 answers the screen says something else than at full precision."


def _shipped(report: Report) -> Iterator[str]:
    if report.shipped is None:
        yield "What ships now was not measured."
        return
    shipped = report.of(report.shipped)
    budget = Budget(report.recommendation.budget)
    within = budget.allows(shipped.overall.r1_change)
    told = "stays within" if within else "misses"
    yield f"What ships now, {report.shipped}, {told} the budget of {_budget(report)}."


def _next(report: Report) -> Iterator[str]:
    """How what is recommended comes to be what ships."""
    if report.recommendation.plan.name in (report.shipped, report.reference.plan.name):
        return
    made = "Next: make its bundle (sgmn quantize --plan recommended.toml)"
    if report.reference.latency is None:
        yield f"{made} and build its engines there (sgmn build)."
    else:
        yield (
            f"{made}, fit its confidence (sgmn calibrate), and judge that very bundle "
            "(sgmn report --shipped)."
        )


def _hasty(report: Report) -> Iterator[str]:
    if report.quick:
        yield "Measured with --quick: for a look, not for a decision."


def _budget(report: Report) -> str:
    return f"{report.recommendation.budget * 100:g} of 100 answers"
