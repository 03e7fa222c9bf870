"""A run's losses and figures as a picture, drawn from its logs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from models.evaluation.page.plot import draw
from models.tensor_file import write_whole
from models.training.folder import RunFolder
from models.training.log import read_log

if TYPE_CHECKING:
    from matplotlib.axes import Axes

WIDTH, HEIGHT = 760, 230
"""Of one panel, in pixels."""

COLOURS = ("#222222", "#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#8a6d3b")
"""Told apart by people with colour blindness (Okabe and Ito)."""

SMOOTHING = 50
"""A line is averaged over a window of this part of its length."""

NOT_LOSSES = {"step", "rate", "norm", "scale"}


@dataclass(frozen=True)
class Panel:
    """One diagram.

    Attributes:
        title: above it.
        steps: of every point.
        lines: values by name, as many as steps.
        percent: whether the values are parts of one.
        smooth: draw means over a window, the values themselves faint behind them.
    """

    title: str
    steps: Sequence[float]
    lines: Mapping[str, Sequence[float]]
    percent: bool = False
    smooth: bool = False

    def paint(self, axes: Axes) -> None:
        """Draw it; the legend tells every line's last value."""
        from matplotlib.ticker import MaxNLocator, PercentFormatter

        for number, (name, values) in enumerate(self.lines.items()):
            colour = COLOURS[number % len(COLOURS)]
            last = f"{values[-1] * 100:.1f} %" if self.percent else f"{values[-1]:.3g}"
            shown = values
            if self.smooth:
                axes.plot(self.steps, values, color=colour, alpha=0.2)
                shown = smoothed(values, max(1, len(values) // SMOOTHING))
            axes.plot(self.steps, shown, color=colour, label=f"{name} {last}")
            axes.plot(self.steps[-1], shown[-1], "o", color=colour, markersize=4)
        if self.percent:
            axes.yaxis.set_major_formatter(PercentFormatter(1, symbol=" %"))
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.set_title(self.title, loc="left")
        axes.legend(loc="upper left", bbox_to_anchor=(1, 1), fontsize="small")


def draw_curves(folder: RunFolder) -> None:
    """Write ``curves.svg`` from a run's logs; nothing where there are none."""
    log, projection = read_log(folder.heads.log), read_log(folder.projection.log)
    figures = read_log(folder.heads.validation)
    panels = [
        _losses("Losses of the heads", log),
        _panel("Validation, R@1", figures, {n for n in figures if n != "step"}, percent=True),
        _losses("Loss of the projection", projection),
        _panel("Learning rate", log, {"rate"}),
    ]
    shown = [panel for panel in panels if panel.lines]
    if shown:
        write_whole(folder.curves, svg(shown).encode())


def svg(panels: Sequence[Panel]) -> str:
    """The panels below one another."""
    paints = [panel.paint for panel in panels]
    return draw("Losses and figures by step", WIDTH, HEIGHT * len(panels), *paints)


def smoothed(values: Sequence[float], window: int) -> list[float]:
    """Means over the last ``window`` values, fewer at the beginning."""
    return [
        sum(values[max(0, i + 1 - window) : i + 1]) / min(window, i + 1) for i in range(len(values))
    ]


def _losses(title: str, log: Mapping[str, Sequence[float]]) -> Panel:
    names = set(log) - NOT_LOSSES
    # One part alone is its own total.
    names -= {"total"} if len(names) == 2 else set()
    return _panel(title, log, names, smooth=True)


def _panel(
    title: str,
    columns: Mapping[str, Sequence[float]],
    names: set[str],
    *,
    percent: bool = False,
    smooth: bool = False,
) -> Panel:
    lines = {n: columns[n] for n in columns if n in names}
    return Panel(title, columns.get("step", ()), lines, percent, smooth)
