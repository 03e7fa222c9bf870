"""Pictures of fruit: each draws within radius `r` around (x, y)."""

from __future__ import annotations

import numpy as np

from models.store.assortment import ACCENTS, Colour
from models.store.paint import Canvas, ellipse, mixed, spot, turned
from models.store.sketch import (
    GREEN,
    STEM,
    WHITE,
    Draw,
    halved,
    heart,
    leaf,
    stem,
)


def apple(canvas: Canvas, x: float, y: float, r: float, tint: Colour) -> None:
    """An apple."""
    angle = np.linspace(0, 2 * np.pi, 60, endpoint=False)
    dip = 1 - 0.22 * np.exp(-(((angle - 1.5 * np.pi) / 0.42) ** 2))
    dip -= 0.1 * np.exp(-(((angle - 0.5 * np.pi) / 0.4) ** 2))
    points = np.stack(
        [x + 0.9 * r * np.cos(angle) * dip, y + r * (0.1 + 0.8 * np.sin(angle) * dip)], 1
    )
    canvas.blob(points, ACCENTS["apple"])
    stem(canvas, x, y - r * 0.46, r)


def pear(canvas: Canvas, x: float, y: float, r: float, tint: Colour) -> None:
    """A pear."""
    angle = np.linspace(0, 2 * np.pi, 60, endpoint=False)
    up = -np.sin(angle)
    width = np.where(up > 0, 0.68 - 0.36 * up, 0.68)
    canvas.blob(
        np.stack(
            [x + r * width * np.cos(angle), y + r * (0.25 - up * np.where(up > 0, 1.0, 0.68))], 1
        ),
        ACCENTS["pear"],
    )
    stem(canvas, x, y - r * 0.72, r * 0.8)


def citrus(colour: Colour) -> Draw:
    """A whole fruit and a cut slice, as orange, lemon and lime."""

    def draw(canvas: Canvas, x: float, y: float, r: float, tint: Colour) -> None:
        leaf(canvas, x - r * 0.3, y - r * 0.55, r * 0.8, -2.6, GREEN)
        canvas.blob(ellipse(x - r * 0.22, y - r * 0.12, r * 0.74, r * 0.74), colour)
        cx, cy, slice_r = x + r * 0.3, y + r * 0.26, r * 0.66
        canvas.polygon(ellipse(cx, cy, slice_r, slice_r), mixed(colour, STEM, 0.12))
        canvas.polygon(ellipse(cx, cy, slice_r * 0.9, slice_r * 0.9), mixed(colour, WHITE, 0.82))
        for step in range(8):
            turn = step * np.pi / 4
            wedge = np.array([(0.1, 0), (0.78, -0.26), (0.83, 0), (0.78, 0.26)]) * slice_r
            canvas.polygon(turned(wedge, turn) + spot(cx, cy), mixed(colour, WHITE, 0.18))

    return draw


def strawberry(canvas: Canvas, x: float, y: float, r: float, tint: Colour) -> None:
    """A strawberry."""
    canvas.blob(heart(x, y + r * 0.12, r * 0.78, r * 0.86), ACCENTS["strawberry"])
    for row, (dy, half) in enumerate(((-0.25, 2), (0.02, 2), (0.3, 1), (0.58, 1))):
        for step in range(-half, half + 1):
            dx = (step + 0.5 * (row % 2)) * 0.27
            if abs(dx) < 0.62 - 0.4 * max(dy, 0):
                seed = ellipse(x + dx * r, y + dy * r, r * 0.035, r * 0.06)
                canvas.polygon(seed, (255, 226, 130))
    for turn in (-2.9, -2.2, -1.57, -0.95, -0.25):
        leaf(canvas, x, y - r * 0.55, r * 0.52, turn, GREEN)


def cherry(canvas: Canvas, x: float, y: float, r: float, tint: Colour) -> None:
    """Two cherries."""
    top = (x + r * 0.15, y - r * 0.85)
    for dx, dy in ((-0.42, 0.42), (0.46, 0.3)):
        canvas.line(np.array([top, (x + dx * r, y + (dy - 0.35) * r)]), (98, 120, 50), r * 0.07)
    leaf(canvas, *top, r * 0.7, 0.15, GREEN)
    for dx, dy in ((-0.42, 0.42), (0.46, 0.3)):
        canvas.blob(ellipse(x + dx * r, y + dy * r, r * 0.42, r * 0.42), ACCENTS["cherry"])


def banana(canvas: Canvas, x: float, y: float, r: float, tint: Colour) -> None:
    """Two bananas."""
    for lift, colour in ((-0.25, mixed(ACCENTS["banana"], STEM, 0.15)), (0.05, ACCENTS["banana"])):
        arc = np.linspace(0.25, np.pi - 0.1, 24)
        outer = np.stack([np.cos(arc) * 0.98, np.sin(arc) * 0.86], 1)
        inner = np.stack([np.cos(arc[::-1]) * 0.9, np.sin(arc[::-1]) * 0.42 - 0.02], 1)
        points = np.concatenate([outer, inner]) * r + (x, y - r * 0.3 + lift * r)
        canvas.blob(points, colour)
        canvas.polygon(ellipse(points[23, 0], points[23, 1], r * 0.08, r * 0.08), STEM)


def grapes(canvas: Canvas, x: float, y: float, r: float, tint: Colour) -> None:
    """A bunch of grapes in the tint."""
    stem(canvas, x, y - r * 0.6, r)
    for row, many in enumerate((4, 3, 4, 3, 2, 1)):
        for step in range(many):
            dx = (step - (many - 1) / 2) * 0.4
            canvas.blob(ellipse(x + dx * r, y + (row * 0.27 - 0.5) * r, r * 0.23, r * 0.23), tint)


def kiwi(canvas: Canvas, x: float, y: float, r: float, tint: Colour) -> None:
    """A kiwi and its cut half."""
    halved((128, 96, 56), (150, 192, 60), (240, 244, 200))(canvas, x, y, r, tint)
    for step in range(14):
        dx, dy = 0.36 * np.cos(step * 0.449), 0.33 * np.sin(step * 0.449)
        canvas.polygon(
            ellipse(x + (0.26 + dx) * r, y + (0.22 + dy) * r, r * 0.03, r * 0.05), (40, 50, 20)
        )


def mango(canvas: Canvas, x: float, y: float, r: float, tint: Colour) -> None:
    """A mango."""
    canvas.blob(ellipse(x, y + r * 0.05, r * 0.92, r * 0.68, -0.5), ACCENTS["mango"])
    canvas.blob(ellipse(x + r * 0.3, y + r * 0.2, r * 0.4, r * 0.3, -0.5), (240, 110, 60))
    leaf(canvas, x + r * 0.5, y - r * 0.5, r * 0.6, -1.9, GREEN)


def olive(canvas: Canvas, x: float, y: float, r: float, tint: Colour) -> None:
    """Two olives on a twig."""
    leaf(canvas, x, y - r * 0.3, r * 0.9, -0.6, GREEN)
    leaf(canvas, x, y - r * 0.3, r * 0.9, -2.5, GREEN)
    for dx, dy in ((-0.36, 0.15), (0.4, 0.3)):
        canvas.blob(ellipse(x + dx * r, y + dy * r, r * 0.36, r * 0.5, 0.25), ACCENTS["olive"])
