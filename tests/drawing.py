"""Reads plots back: where their marks are, in the units of their axes."""

from __future__ import annotations

import math
import re
from xml.etree import ElementTree

from models.evaluation.page.plot import SOFT

SVG = "{http://www.w3.org/2000/svg}"
CORNER = re.compile(r"[ML] ([\d.-]+) ([\d.-]+)")
LETTER, HEIGHT = 6.2, 10.0

SUNK = 4.56
"""Pixels that the labels of the upright axis stand below their ticks."""

Point = tuple[float, float]
Box = tuple[float, float, float, float]


class Drawing:
    """An SVG plot.

    Args:
        svg: its text.
    """

    def __init__(self, svg: str) -> None:
        self._root = ElementTree.fromstring(svg.partition("?>")[2])
        ticks = [t for t in self._root.iter(f"{SVG}text") if SOFT in str(t.get("style"))]
        self._x, self._y = (
            [
                (float(str(tick.get(axis))), value)
                for tick in ticks
                if _anchor(tick) == anchor and (value := _number(str(tick.text))) is not None
            ]
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

    def rings(self, colour: str) -> list[Point]:
        """Where rings of a colour are."""
        wanted = f"fill-opacity: 0; stroke: {colour}"
        uses = [u for u in self._root.iter(f"{SVG}use") if wanted in str(u.get("style"))]
        return [self._at(float(str(u.get("x"))), float(str(u.get("y")))) for u in uses]

    def line(self, colour: str, width: float) -> list[Point]:
        """Corners of the first line of a colour and width."""
        return self._lines(colour, width)[0]

    def upright_bars(self, colour: str, width: float) -> list[tuple[float, float, float]]:
        """Upright lines of a colour and width: where, from and to."""
        found = [line for line in self._lines(colour, width) if line[0][0] == line[-1][0]]
        return [(line[0][0], *sorted((line[0][1], line[-1][1]))) for line in found]

    def bars(self, colour: str) -> list[float]:
        """Lengths of level bars that are filled with a colour."""
        found = []
        for path in self._root.iter(f"{SVG}path"):
            if path.get("style") == f"fill: {colour}":
                across = [float(x) for x, _ in CORNER.findall(str(path.get("d")))]
                found.append(_along(self._x, max(across)) - _along(self._x, min(across)))
        return found

    def box(self, text: str) -> Box:
        """Where a text stands, in pixels, as far as the number of its letters tells."""
        (found,) = [t for t in self._root.iter(f"{SVG}text") if t.text == text]
        width, x, y = LETTER * len(text), float(str(found.get("x"))), float(str(found.get("y")))
        left = x - width * {"start": 0, "middle": 0.5, "end": 1}[_anchor(found)]
        return left, y - HEIGHT, left + width, y

    def defined(self) -> list[tuple[str, str]]:
        """Names of parts, and what they name."""
        named = [part for part in self._root.iter() if part.get("id")]
        return [(str(part.get("id")), ElementTree.tostring(part, "unicode")) for part in named]

    def _lines(self, colour: str, width: float) -> list[list[Point]]:
        wide = "" if width == 1 else f"; stroke-width: {width:g}"
        wanted = re.compile(f"stroke: {colour}{wide}(;|$)")
        paths = [p for p in self._root.iter(f"{SVG}path") if wanted.search(str(p.get("style")))]
        corners = [CORNER.findall(str(path.get("d"))) for path in paths]
        return [[self._at(float(x), float(y)) for x, y in some] for some in corners]

    def _at(self, x: float, y: float) -> Point:
        return _along(self._x, x), _along(self._y, y + SUNK)


def _anchor(text: ElementTree.Element) -> str:
    found = re.search(r"text-anchor: (\w+)", str(text.get("style")))
    return found[1] if found else "start"


def _along(ticks: list[Point], place: float) -> float:
    if len(ticks) < 2:
        return math.nan  # an axis of names
    (a, low), (b, high) = ticks[0], ticks[-1]
    return low + (place - a) / (b - a) * (high - low)


def _number(label: str) -> float | None:
    """What the label of a tick stands for; None for a name."""
    share = label.endswith(" %")
    try:
        value = float(label.removesuffix(" %").replace("−", "-"))
    except ValueError:
        return None
    return value / 100 if share else value
