"""Shapes that several ingredient pictures share."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from models.store.assortment import Colour
from models.store.paint import Canvas, ellipse, mixed, spot, turned

GREEN: Colour = (70, 140, 60)
STEM: Colour = (106, 74, 44)
WHITE: Colour = (252, 250, 244)

Draw = Callable[[Canvas, float, float, float, Colour], None]


def heart(x: float, y: float, rx: float, ry: float, tip: float = 1.0) -> np.ndarray:
    """A body that narrows to its lower end, as a strawberry does."""
    angle = np.linspace(0, 2 * np.pi, 48, endpoint=False)
    down = np.sin(angle)
    narrow = 1 - 0.38 * tip * np.clip(down, 0, 1) ** 1.3
    return np.stack([x + rx * np.cos(angle) * narrow, y + ry * down], 1)


def leaf_points(x: float, y: float, length: float, width: float, turn: float) -> np.ndarray:
    """Outline (32, 2) of a leaf that starts at (x, y) and points along `turn` radians."""
    along = np.linspace(0, 1, 16)
    side = np.sin(np.pi * along**0.8) * width / 2
    upper = np.stack([along * length, side], 1)
    lower = np.stack([along[::-1] * length, -side[::-1]], 1)
    return turned(np.concatenate([upper, lower]), turn) + spot(x, y)


def leaf(canvas: Canvas, x: float, y: float, r: float, turn: float, colour: Colour) -> None:
    """A leaf with its middle vein, `r` pixels long."""
    canvas.blob(leaf_points(x, y, r, r * 0.5, turn), colour)
    tip = turned(np.array([(0.05 * r, 0), (0.85 * r, 0)]), turn) + spot(x, y)
    canvas.line(tip, mixed(colour, WHITE, 0.45), r * 0.04)


def stem(canvas: Canvas, x: float, y: float, r: float) -> None:
    """A short stalk with a leaf."""
    canvas.line(np.array([(x, y), (x + r * 0.06, y - r * 0.32)]), STEM, r * 0.09)
    leaf(canvas, x + r * 0.05, y - r * 0.14, r * 0.55, -0.5, GREEN)


def halved(skin: Colour, flesh: Colour, core: Colour) -> Draw:
    """A whole fruit with a cut half in front."""

    def draw(canvas: Canvas, x: float, y: float, r: float, tint: Colour) -> None:
        canvas.blob(ellipse(x - r * 0.24, y - r * 0.14, r * 0.74, r * 0.7), skin)
        cx, cy = x + r * 0.26, y + r * 0.22
        canvas.blob(ellipse(cx, cy, r * 0.68, r * 0.62), skin)
        canvas.polygon(ellipse(cx, cy, r * 0.6, r * 0.54), flesh)
        canvas.blob(ellipse(cx, cy, r * 0.25, r * 0.23), core)

    return draw


def solid(paint: Draw, colour: Colour) -> Draw:
    """A drawing that keeps its own colour whatever the label's tint."""
    return lambda canvas, x, y, r, tint: paint(canvas, x, y, r, colour)


def round_fruit(canvas: Canvas, x: float, y: float, r: float, colour: Colour) -> None:
    """A ball with a stalk, as a tomato."""
    canvas.blob(ellipse(x, y + r * 0.1, r * 0.86, r * 0.8), colour)
    stem(canvas, x, y - r * 0.62, r)
