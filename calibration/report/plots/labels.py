"""Names beside points, placed so that they cover neither points nor one another."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from models.evaluation.page.plot import SOFT

if TYPE_CHECKING:
    from matplotlib.axes import Axes

GAP = 11.0
FARTHEST = 8
LONGEST = 24
"""Letters of a name that are written."""

LEADER = 1.5
"""Gaps from which on a thin line leads from the point to its name."""

_SIDES = ((1, 0), (-1, 0), (0, 1), (0, -1), (1, 1), (-1, 1), (1, -1), (-1, -1))
_ALIGNED = {-1: "right", 0: "center", 1: "left"}
_STANDING = {-1: "top", 0: "center", 1: "bottom"}

Point = tuple[float, float]
Box = tuple[float, float, float, float]
Place = tuple[int, int, float]
"""Across, up, and how many pixels away."""


def name_points(axes: Axes, points: Sequence[Point], names: Sequence[str]) -> None:
    """Write a name beside each point, the first ones first; the axes must have their limits."""
    figure = axes.get_figure(root=True)
    if figure is not None:
        figure.draw_without_rendering()  # only now do the axes have their place
    window = axes.get_window_extent()
    around = (window.x0, window.y0, window.x1, window.y1)
    pixels = [tuple(map(float, axes.transData.transform(point))) for point in points]
    taken = [(x - GAP / 2, y - GAP / 2, x + GAP / 2, y + GAP / 2) for x, y in pixels]
    shown = [name if len(name) <= LONGEST else f"{name[: LONGEST - 1]}…" for name in names]
    for point, (x, y), name in zip(points, pixels, shown, strict=True):
        place, box = _best(x, y, _size(axes, name), taken, around)
        taken.append(box)
        _write(axes, point, name, place)


def _best(x: float, y: float, size: Point, taken: Sequence[Box], around: Box) -> tuple[Place, Box]:
    """The nearest free place within the axes, or the one that covers least."""
    choices = list(_choices(x, y, size))
    inside = [choice for choice in choices if _within(choice[1], around)] or choices
    return min(inside, key=lambda choice: sum(_shared(choice[1], box) for box in taken))


def _choices(x: float, y: float, size: Point) -> Iterator[tuple[Place, Box]]:
    width, height = size
    for far in (GAP * steps / 2 for steps in range(2, 2 * FARTHEST)):
        for across, up in _SIDES:
            left = x + across * far - width * (1 - across) / 2
            low = y + up * far - height * (1 - up) / 2
            yield (across, up, far), (left, low, left + width, low + height)


def _write(axes: Axes, point: Point, name: str, place: Place) -> None:
    across, up, far = place
    leader = {"arrowstyle": "-", "color": SOFT, "lw": 0.7, "shrinkA": 0, "shrinkB": 4}
    written = axes.annotate(
        name,
        point,
        xytext=(across * far, up * far),
        textcoords="offset points",
        ha=_ALIGNED[across],
        va=_STANDING[up],
        arrowprops=leader if far > LEADER * GAP else None,
    )
    written.set_in_layout(False)  # the places of all others are known by now


def _size(axes: Axes, name: str) -> Point:
    drawn = axes.text(0.5, 0.5, name, transform=axes.transAxes)
    extent = drawn.get_window_extent()
    drawn.remove()
    return float(extent.width) + 2, float(extent.height)


def _within(box: Box, around: Box) -> bool:
    return (
        around[0] <= box[0] and around[1] <= box[1] and box[2] <= around[2] and box[3] <= around[3]
    )


def _shared(one: Box, other: Box) -> float:
    width = min(one[2], other[2]) - max(one[0], other[0])
    height = min(one[3], other[3]) - max(one[1], other[1])
    return max(0.0, width) * max(0.0, height)
