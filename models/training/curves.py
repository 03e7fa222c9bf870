"""A run's losses and figures as a picture: SVG drawn from its logs, with nothing to install."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape

from models.tensor_file import write_whole
from models.training.folder import RunFolder
from models.training.log import read_log

WIDTH, HEIGHT = 760, 230
LEFT, RIGHT, TOP, BOTTOM = 64, 150, 34, 30
COLOURS = ("#222222", "#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#8a6d3b")
"""Told apart by people with colour blindness (Okabe and Ito)."""

LABEL = 15
"""Height of a line of the legend."""

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
    height = HEIGHT * len(panels)
    drawn = "\n".join(
        f'<g transform="translate(0 {HEIGHT * i})">\n{_drawn(panel)}\n</g>'
        for i, panel in enumerate(panels)
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" '
        f'width="{WIDTH}" height="{height}" font-family="sans-serif" font-size="11">\n'
        f'<rect width="100%" height="100%" fill="#ffffff"/>\n{drawn}\n</svg>\n'
    )


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


def _drawn(panel: Panel) -> str:
    low, high = _range([v for values in panel.lines.values() for v in values])
    first, last = panel.steps[0], max(panel.steps[-1], panel.steps[0] + 1)

    def x(step: float) -> float:
        return LEFT + (step - first) / (last - first) * (WIDTH - LEFT - RIGHT)

    def y(value: float) -> float:
        return HEIGHT - BOTTOM - (value - low) / (high - low) * (HEIGHT - TOP - BOTTOM)

    parts = [
        f'<text x="{LEFT}" y="20" font-size="13" font-weight="bold">{escape(panel.title)}</text>'
    ]
    for tick in ticks(low, high):
        label = f"{tick * 100:.4g} %" if panel.percent else f"{tick:.4g}"
        parts.append(_rule(LEFT, y(tick), WIDTH - RIGHT, y(tick)))
        parts.append(_text(LEFT - 6, y(tick) + 4, label, "end"))
    for tick in ticks(first, last):
        parts.append(_text(x(tick), HEIGHT - BOTTOM + 16, f"{tick:.4g}", "middle"))
    for number, (name, values) in enumerate(panel.lines.items()):
        colour = COLOURS[number % len(COLOURS)]
        points = [(x(s), y(v)) for s, v in zip(panel.steps, values, strict=True)]
        if panel.smooth:
            parts.append(_line(points, colour, 0.2))
            means = smoothed(values, max(1, len(values) // SMOOTHING))
            points = [(x(s), y(v)) for s, v in zip(panel.steps, means, strict=True)]
        parts.append(_line(points, colour, 1.0))
        last_value = f"{values[-1] * 100:.1f} %" if panel.percent else f"{values[-1]:.3g}"
        place = TOP + LABEL * number
        parts.append(_key(WIDTH - RIGHT + 12, place, colour))
        parts.append(_text(WIDTH - RIGHT + 34, place + 4, f"{name} {last_value}", "start"))
    return "\n".join(parts)


def ticks(low: float, high: float) -> list[float]:
    """Four to nine round numbers between two; multiples of 1, 2 or 5 times a power of ten."""
    rough = (high - low) / 5
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(power * m for m in (1, 2, 5, 10) if power * m >= rough * 0.999)
    return [n * step for n in range(math.ceil(low / step), math.floor(high / step + 1e-9) + 1)]


def smoothed(values: Sequence[float], window: int) -> list[float]:
    """Means over the last ``window`` values, fewer at the beginning."""
    return [
        sum(values[max(0, i + 1 - window) : i + 1]) / min(window, i + 1) for i in range(len(values))
    ]


def _range(values: Sequence[float]) -> tuple[float, float]:
    low, high = min(values), max(values)
    margin = (high - low) * 0.05 or abs(high) * 0.05 or 1.0
    return low - margin, high + margin


def _line(points: Sequence[tuple[float, float]], colour: str, opacity: float) -> str:
    path = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    dot = (
        f'<circle cx="{points[-1][0]:.1f}" cy="{points[-1][1]:.1f}" r="2.5" fill="{colour}" '
        f'opacity="{opacity}"/>'
    )
    return (
        f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="1.6" '
        f'stroke-linejoin="round" opacity="{opacity}"/>{dot}'
    )


def _rule(x1: float, y1: float, x2: float, y2: float) -> str:
    return f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" stroke="#e3e3e3"/>'


def _key(x: float, y: float, colour: str) -> str:
    return f'<line x1="{x}" y1="{y}" x2="{x + 16}" y2="{y}" stroke="{colour}" stroke-width="3"/>'


def _text(x: float, y: float, text: str, anchor: str) -> str:
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" fill="#444444">{escape(text)}</text>'
    )
