"""Reads plots back: where their marks are, in the units of their axes."""

from __future__ import annotations

import re
from collections.abc import Callable
from xml.etree import ElementTree

from models.evaluation.page.plot import SOFT

SVG = "{http://www.w3.org/2000/svg}"
SUNK = 3.8
"""Pixels that the labels of the upright axis stand below their ticks."""

Point = tuple[float, float]


class Drawing:
    """An SVG plot.

    Args:
        svg: its text.
        number: reads the label of a tick.
    """

    def __init__(self, svg: str, number: Callable[[str], float] = float) -> None:
        self._root = ElementTree.fromstring(svg.partition("?>")[2])
        ticks = [t for t in self._root.iter(f"{SVG}text") if SOFT in str(t.get("style"))]
        self._x, self._y = (
            [(float(str(t.get(axis))), number(str(t.text))) for t in ticks if _anchor(t) == anchor]
            for axis, anchor in (("x", "middle"), ("y", "end"))
        )

    @property
    def texts(self) -> list[str]:
        """Every text, ticks too."""
        return [str(t.text) for t in self._root.iter(f"{SVG}text")]

    def marks(self, colour: str) -> list[Point]:
        """Where marks are filled with a colour."""
        uses = [u for u in self._root.iter(f"{SVG}use") if f"fill: {colour}" in str(u.get("style"))]
        return [self._at(float(str(u.get("x"))), float(str(u.get("y")))) for u in uses]

    def line(self, colour: str, width: float) -> list[Point]:
        """Corners of the first line of a colour and width."""
        wanted = f"stroke: {colour}; stroke-width: {width:g}"
        (first, *_) = [p for p in self._root.iter(f"{SVG}path") if wanted in str(p.get("style"))]
        corners = re.findall(r"[ML] ([\d.-]+) ([\d.-]+)", str(first.get("d")))
        return [self._at(float(x), float(y)) for x, y in corners]

    def _at(self, x: float, y: float) -> Point:
        return _along(self._x, x), _along(self._y, y + SUNK)


def _anchor(text: ElementTree.Element) -> str:
    return str(re.search(r"text-anchor: (\w+)", str(text.get("style")))[1])  # type: ignore[index]


def _along(ticks: list[Point], place: float) -> float:
    (a, low), (b, high) = ticks[0], ticks[-1]
    return low + (place - a) / (b - a) * (high - low)
