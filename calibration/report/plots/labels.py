"""Names beside points, placed so that they cover neither points nor one another."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.axes import Axes

GAP = 11.0
_SIDES = ((1, 0), (-1, 0), (0, 1), (0, -1), (1, 1), (-1, 1), (1, -1), (-1, -1))
_ALIGNED = {-1: "right", 0: "center", 1: "left"}

Point = tuple[float, float]
Box = tuple[float, float, float, float]


def name_points(axes: Axes, points: Sequence[Point], names: Sequence[str]) -> None:
    """Write a name beside each point, the first ones first; axes must have their limits."""
    figure = axes.get_figure(root=True)
    if figure is not None:
        figure.draw_without_rendering()  # only now do the axes have their place
    pixels = [tuple(map(float, axes.transData.transform(point))) for point in points]
    window = axes.get_window_extent()
    taken = [(x - GAP / 2, y - GAP / 2, x + GAP / 2, y + GAP / 2) for x, y in pixels]
    for point, (x, y), name in zip(points, pixels, names, strict=True):
        size = _size(axes, name)
        choices = list(_choices(x, y, size))
        inside = [c for c in choices if window.x0 <= c[1][0] and c[1][2] <= window.x1] or choices
        (across, up, far), box = min(inside, key=lambda c: sum(_shared(c[1], b) for b in taken))
        taken.append(box)
        axes.annotate(
            name,
            point,
            xytext=(across * far, up * far),
            textcoords="offset points",
            ha=_ALIGNED[across],
            va=("center", "bottom", "top")[up],
        )


def _choices(x: float, y: float, size: Point) -> Iterator[tuple[tuple[int, int, float], Box]]:
    width, height = size
    for far in (GAP, 2 * GAP, 3 * GAP):
        for across, up in _SIDES:
            left = x + across * far - width * (1 - across) / 2
            low = y + up * far - height * (1 - up) / 2
            yield (across, up, far), (left, low, left + width, low + height)


def _size(axes: Axes, name: str) -> Point:
    drawn = axes.annotate(name, (0, 0), xytext=(0, 0), textcoords="figure points")
    extent = drawn.get_window_extent()
    drawn.remove()
    return float(extent.width), float(extent.height)


def _shared(one: Box, other: Box) -> float:
    width = min(one[2], other[2]) - max(one[0], other[0])
    height = min(one[3], other[3]) - max(one[1], other[1])
    return max(0.0, width) * max(0.0, height)
