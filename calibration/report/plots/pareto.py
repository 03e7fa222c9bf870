"""Accuracy against time, a mark a plan."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

from calibration.records.measurement import PlanMeasurement
from calibration.records.report import Report
from calibration.report.plots.frontier import Point, frontier
from calibration.report.plots.labels import name_points
from models.evaluation.metrics import Estimate
from models.evaluation.page.plot import AMBER, BLUE, FAINT, GREEN, INK, RED, draw

if TYPE_CHECKING:
    from matplotlib.axes import Axes

WIDTH, HEIGHT = 500, 400
MARGIN = 0.14
BAR = 1.2
FULL = 103
"""Percent, with room for the mark of a plan that is always right."""

Percentile = Literal["p50", "p95"]
SAID: dict[Percentile, str] = {"p50": "half are faster", "p95": "95 of 100 are faster"}


def pareto(report: Report, percentile: Percentile) -> str:
    """R@1 against a percentile of the time of a step.

    Bars tell where a value likely lies: of a time by itself; of R@1 as a difference to FP32, clip
    by clip, which is what plans are compared by. Below the dashed line the budget is missed.

    Args:
        report: with at least one plan that was timed.
        percentile: of the time.
    """
    timed = [one for one in report.measurements if one.latency is not None]
    times: list[Estimate] = [getattr(one.latency, percentile) for one in timed]
    points = [
        (time.value, one.overall.r1.value * 100) for one, time in zip(timed, times, strict=True)
    ]

    def paint(axes: Axes) -> None:
        _limit(axes, report)
        _frontier(axes, points)
        for one, time, point in zip(timed, times, points, strict=True):
            _mark(axes, report, one, time, point)
        axes.margins(MARGIN)
        axes.set_ylim(top=min(axes.get_ylim()[1], FULL))
        axes.set(
            xlabel=f"ms a step ({percentile}: {SAID[percentile]})",
            ylabel="right product first, % of answers",
        )
        name_points(axes, points, [one.plan.name for one in timed])

    return draw(f"R@1 against {percentile} of a step, by plan", WIDTH, HEIGHT, paint)


def _limit(axes: Axes, report: Report) -> None:
    least = (report.reference.overall.r1.value - report.recommendation.budget) * 100
    axes.axhline(least, color=RED, linestyle="--", linewidth=1)
    axes.annotate(
        "budget",
        (1, least),  # on the left are the fast plans, which come near the line
        xycoords=("axes fraction", "data"),
        xytext=(-4, -3),
        textcoords="offset points",
        ha="right",
        va="top",
        color=RED,
    )


def _frontier(axes: Axes, points: Sequence[Point]) -> None:
    best = [points[i] for i in frontier(points)]
    axes.step(*zip(*best, strict=True), where="post", color=GREEN, alpha=0.35, linewidth=2)


def _mark(axes: Axes, report: Report, one: PlanMeasurement, time: Estimate, point: Point) -> None:
    """FP32 a square, the recommended plan a star, others dots; what ships now has a ring."""
    name, (x, y) = one.plan.name, point
    chosen, reference = name == report.recommendation.plan.name, one is report.reference
    colour = GREEN if chosen else INK if reference else BLUE
    axes.errorbar(
        x,
        y,
        xerr=_reach(time, 1),
        yerr=None if reference else _reach(one.overall.r1_change, 100),
        ecolor=FAINT,
        elinewidth=BAR,
        fmt="none",
        zorder=1,
    )
    marker, size = ("*", 17) if chosen else ("s", 8) if reference else ("o", 8)
    axes.plot(x, y, marker, color=colour, markersize=size, mew=0)
    if name == report.shipped:
        axes.plot(x, y, "o", mfc="none", mec=AMBER, mew=2, markersize=19)


def _reach(one: Estimate, scale: float) -> list[list[float]] | None:
    """Lengths of an interval below and above its middle, as `errorbar` takes them."""
    if one.low is None or one.high is None:
        return None
    below, above = one.value - one.low, one.high - one.value
    return [[max(0.0, below) * scale], [max(0.0, above) * scale]]
