"""What INT8 costs and saves, a bar a block."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from calibration.records.report import Report
from calibration.records.sensitivity import Sensitivity
from models.evaluation.metrics import Estimate
from models.evaluation.page.plot import BLUE, FAINT, INK, RED, SOFT, draw

if TYPE_CHECKING:
    from matplotlib.axes import Axes

WIDTH = 500
ROW, EDGE = 22, 70


def lost_likeness(report: Report) -> str:
    """How far query vectors turn from FP32's where this block alone is INT8; 0 is no loss."""
    shown = report.sensitivities

    def paint(axes: Axes) -> None:
        lost = [1 - one.alone.query_cosine.mean for one in shown]
        axes.barh(range(len(shown)), lost, color=_colours(report), height=0.7)
        _rows(axes, shown, "1 − cosine to FP32, this block alone in INT8")

    return draw("Likeness lost by block", WIDTH, _height(shown), paint)


def saved_time(report: Report) -> str:
    """What INT8 in this block saves of a step; left of zero it is slower."""
    shown = [one for one in report.sensitivities if one.saved_ms is not None]

    def paint(axes: Axes) -> None:
        for row, one in enumerate(shown):
            if one.saved_ms is not None:
                _saved(axes, row, one.saved_ms)
        axes.axvline(0, color=INK, linewidth=1)
        _rows(axes, shown, "ms a step saved by INT8 in this block")

    return draw("Time saved by block", WIDTH, _height(shown), paint)


def is_held(report: Report, one: Sensitivity) -> bool:
    """Whether the recommended plan keeps a block from INT8."""
    plan = report.recommendation.plan.of(one.submodule)
    return plan.precision != "int8" or one.block in plan.held


def _saved(axes: Axes, row: int, saved: Estimate) -> None:
    axes.plot(saved.value, row, "o", color=RED if saved.value < 0 else BLUE, markersize=7, mew=0)
    if saved.low is not None and saved.high is not None:
        axes.plot([saved.low, saved.high], [row, row], color=SOFT, linewidth=1.2, zorder=1)


def _colours(report: Report) -> list[str]:
    """Of whole submodules faint, of blocks by whether they are held."""
    return [
        FAINT if one.block is None else RED if is_held(report, one) else BLUE
        for one in report.sensitivities
    ]


def _rows(axes: Axes, shown: Sequence[Sensitivity], below: str) -> None:
    names = [f"{one.name} (whole)" if one.block is None else one.name for one in shown]
    axes.set_yticks(range(len(shown)), names)
    axes.set_ylim(len(shown) - 0.4, -0.6)
    axes.grid(visible=False, axis="y")
    axes.locator_params(axis="x", nbins=4)  # numbers of four decimals need their room
    axes.set(xlabel=below)


def _height(shown: Sequence[Sensitivity]) -> int:
    return EDGE + ROW * len(shown)
