"""Ways to find INT8 ranges: likeness to FP32 by method and number of pictures."""

from __future__ import annotations

from typing import TYPE_CHECKING

from calibration.records.report import Report
from export.precision.plan import Method
from models.evaluation.page.plot import AMBER, BLUE, GREEN, draw

if TYPE_CHECKING:
    from matplotlib.axes import Axes

WIDTH, HEIGHT = 500, 320
LOOKS: dict[Method, tuple[str, str]] = {
    "minmax": (BLUE, "o-"),
    "entropy": (AMBER, "s-"),
    "percentile": (GREEN, "^--"),
}
"""Colour, mark and line; minmax often gives what percentile does, and shows through its dashes."""


def calibrations(report: Report) -> str:
    """Mean cosine of query vectors to FP32's, a line a method."""

    def paint(axes: Axes) -> None:
        from matplotlib.ticker import NullLocator

        for method, (colour, line) in LOOKS.items():
            found = sorted(
                (one.pictures, one.query_cosine.mean)
                for one in report.comparisons
                if one.method == method
            )
            if found:
                counts, likeness = zip(*found, strict=True)
                axes.plot(counts, likeness, line, color=colour, lw=2, label=method)
        axes.set_xscale("log", base=2)
        ticks = sorted({one.pictures for one in report.comparisons})
        axes.set_xticks(ticks, [str(tick) for tick in ticks])
        axes.xaxis.set_minor_locator(NullLocator())
        axes.ticklabel_format(axis="y", useOffset=False)
        axes.set(xlabel="calibration pictures", ylabel="mean cosine to FP32")
        axes.legend(ncols=len(LOOKS), loc="lower center", bbox_to_anchor=(0.5, 1))

    return draw("Likeness to FP32 by way of calibrating", WIDTH, HEIGHT, paint)
