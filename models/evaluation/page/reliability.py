"""Does the confidence hold, and what is it worth: two plots that every page of results has."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from models.evaluation.confidence import Bin
from models.evaluation.page.plot import BLUE, FAINT, INK, draw

if TYPE_CHECKING:
    from matplotlib.axes import Axes

SIDE = 362
Point = tuple[float, float]


def reliability_diagram(bins: Sequence[Bin]) -> str:
    """Confidence against truth: dots on the diagonal are right, their size is their weight."""
    total = sum(one.weight for one in bins)

    def paint(axes: Axes) -> None:
        axes.plot([0, 1], [0, 1], "--", color=FAINT, linewidth=1.5)
        for one in bins:
            axes.plot([one.confidence] * 2, [one.confidence, one.right], color=FAINT, linewidth=1)
            size = 6 + 18 * (one.weight / total) ** 0.5
            axes.plot(
                one.confidence, one.right, "o", color=BLUE, markersize=size, alpha=0.75, mew=0
            )
        _shares(axes, "How sure it said it was", "How often it was right")

    return draw("How often it was right, by how sure it said it was", SIDE, SIDE, paint)


def risk_coverage_curve(points: Sequence[Point], answered: float | None) -> str:
    """Errors against the share of clips that are answered, the surest first.

    Args:
        points: coverage and risk.
        answered: coverage at which the screen really stands; marked if given.
    """
    line = [(0.0, points[0][1]), *points]

    def paint(axes: Axes) -> None:
        axes.plot([x for x, _ in line], [y for _, y in line], color=BLUE, linewidth=2)
        if answered is not None:
            axes.axvline(answered, color=INK, linestyle="--", linewidth=1)
            axes.annotate(
                "the screen today",
                (answered, 1),
                xytext=(-5, -12),
                textcoords="offset points",
                ha="right",
            )
        _shares(axes, "Share of clips that are answered", "Share of these that are wrong")

    return draw("Share of answers that are wrong, by share answered", SIDE, SIDE, paint)


def _shares(axes: Axes, below: str, beside: str) -> None:
    from matplotlib.ticker import PercentFormatter

    axes.set(xlim=(-0.03, 1.03), ylim=(-0.03, 1.03), xlabel=below, ylabel=beside)
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_formatter(PercentFormatter(1, decimals=0, symbol=" %"))
        axis.set_ticks([0, 0.25, 0.5, 0.75, 1])
