"""Pictures of other ingredients: each draws within radius `r` around (x, y)."""

from __future__ import annotations

import numpy as np

from models.store.assortment import ACCENTS, Colour
from models.store.paint import Canvas, ellipse, mixed, spot, turned
from models.store.sketch import (
    GREEN,
    STEM,
    WHITE,
    Draw,
    heart,
    leaf,
    leaf_points,
)


def nuts(colour: Colour, turns: tuple[float, ...] = (-0.7, 0.5, 1.7)) -> Draw:
    """Three ridged kernels, each turned by one of `turns` radians."""

    def draw(canvas: Canvas, x: float, y: float, r: float, tint: Colour) -> None:
        places = ((-0.38, 0.3), (0.42, 0.26), (0.02, -0.36))
        for (dx, dy), turn in zip(places, turns, strict=True):
            cx, cy = x + dx * r, y + dy * r
            canvas.blob(turned(heart(0, 0, r * 0.36, r * 0.54), turn) + spot(cx, cy), colour)
            for off in (-0.12, 0.02, 0.16):
                ridge = turned(np.array([(off, -0.3), (off * 0.7, 0.32)]) * r, turn) + spot(cx, cy)
                canvas.line(ridge, mixed(colour, STEM, 0.5), r * 0.03)

    return draw


def peanut(canvas: Canvas, x: float, y: float, r: float, tint: Colour) -> None:
    """Two peanuts."""
    for dx, dy, turn in ((-0.25, -0.28, 0.5), (0.22, 0.32, -0.35)):
        angle = np.linspace(0, 2 * np.pi, 60, endpoint=False)
        waist = 1 - 0.28 * np.sin(angle) ** 2
        shell = np.stack([np.cos(angle) * 0.72, np.sin(angle) * 0.42 * (1.5 - waist * 0.5)], 1)
        shell[:, 1] *= 0.72 + 0.42 * np.abs(np.cos(angle))
        canvas.blob(turned(shell * r, turn) + spot(x + dx * r, y + dy * r), ACCENTS["peanut"])


def beans(canvas: Canvas, x: float, y: float, r: float, tint: Colour) -> None:
    """Five beans in the tint."""
    for dx, dy, turn in (
        (-0.45, 0.3, 0.4),
        (0.4, 0.4, -0.5),
        (0.02, -0.4, 0.1),
        (0.6, -0.3, 1.1),
        (-0.62, -0.3, -0.9),
    ):
        angle = np.linspace(0, 2 * np.pi, 40, endpoint=False)
        bend = 1 - 0.35 * np.exp(-(((angle - 1.5 * np.pi) / 0.6) ** 2))
        body = np.stack([np.cos(angle) * 0.4, np.sin(angle) * 0.27 * bend], 1) * r
        canvas.blob(turned(body, turn) + spot(x + dx * r, y + dy * r), tint)


def coffee(canvas: Canvas, x: float, y: float, r: float, tint: Colour) -> None:
    """Three coffee beans."""
    brown = (92, 56, 38)
    for dx, dy, turn in ((-0.4, 0.28, 0.7), (0.42, 0.3, -0.5), (0.0, -0.38, 0.2)):
        cx, cy = x + dx * r, y + dy * r
        canvas.blob(ellipse(cx, cy, r * 0.46, r * 0.34, turn), brown)
        wave = np.stack([np.linspace(-0.4, 0.4, 9), 0.07 * np.sin(np.linspace(-3, 3, 9))], 1) * r
        canvas.line(turned(wave, turn) + spot(cx, cy), (44, 24, 16), r * 0.06)


def grain(canvas: Canvas, x: float, y: float, r: float, tint: Colour) -> None:
    """Three ears of grain."""
    gold = mixed(ACCENTS["grain"], tint, 0.35)
    for lean in (-0.45, 0.0, 0.45):
        top = np.array([x + lean * 1.2 * r, y - r * 0.9])
        foot = np.array([x + lean * 0.3 * r, y + r * 0.95])
        canvas.line(np.stack([foot, top]), mixed(gold, STEM, 0.3), r * 0.05)
        for step in range(5):
            at = top + (foot - top) * (step * 0.13)
            for turn in (-2.2, -0.95):
                canvas.blob(leaf_points(at[0], at[1], r * 0.36, r * 0.22, turn + lean * 0.5), gold)


def rice(canvas: Canvas, x: float, y: float, r: float, tint: Colour) -> None:
    """A bowl of rice."""
    canvas.polygon(ellipse(x, y + r * 0.35, r * 0.95, r * 0.42), mixed(tint, (30, 40, 80), 0.3))
    for step in range(16):
        dx, dy = 0.62 * np.cos(step * 2.4) * (step / 16) ** 0.5, 0.3 * np.sin(step * 2.4)
        canvas.blob(ellipse(x + dx * r, y + (dy + 0.02) * r, r * 0.24, r * 0.09, step * 0.7), WHITE)


def leaf_motif(canvas: Canvas, x: float, y: float, r: float, tint: Colour) -> None:
    """Three tea leaves."""
    colour = mixed(GREEN, tint, 0.7)
    for turn in (-2.5, -0.65, -1.57):
        leaf(canvas, x, y + r * 0.75, r * (1.65 if turn == -1.57 else 1.25), turn, colour)


def flower(canvas: Canvas, x: float, y: float, r: float, tint: Colour) -> None:
    """A flower in the tint."""
    for step in range(7):
        turn = step * 2 * np.pi / 7
        cx, cy = x + 0.52 * r * np.cos(turn), y + 0.52 * r * np.sin(turn)
        canvas.blob(ellipse(cx, cy, r * 0.46, r * 0.25, turn), tint)
    canvas.blob(ellipse(x, y, r * 0.26, r * 0.26), (250, 200, 60))


def drop(canvas: Canvas, x: float, y: float, r: float, tint: Colour) -> None:
    """A drop in the tint."""
    along = np.linspace(0, 2 * np.pi, 48, endpoint=False)
    width = 0.62 * np.sin(along) * np.sin(along / 2) ** 1.4
    body = np.stack([x + width * r, y - np.cos(along / 1.0) * 0.95 * r], 1)
    canvas.blob(body, mixed(tint, WHITE, 0.25))
    canvas.polygon(ellipse(x - r * 0.18, y + r * 0.3, r * 0.09, r * 0.2, 0.4), WHITE)


def honey(canvas: Canvas, x: float, y: float, r: float, tint: Colour) -> None:
    """A honeycomb."""
    for dx, dy in (
        (0, 0),
        (0.62, 0.36),
        (-0.62, 0.36),
        (0, 0.72),
        (0.62, -0.36),
        (-0.62, -0.36),
        (0, -0.72),
    ):
        angle = np.arange(6) * np.pi / 3
        cell = np.stack([np.cos(angle), np.sin(angle)], 1) * r * 0.36 + (x + dx * r, y + dy * r)
        canvas.blob(cell, mixed(ACCENTS["honey"], tint, 0.4))


def squares(canvas: Canvas, x: float, y: float, r: float, tint: Colour) -> None:
    """Pieces of chocolate."""
    for row in (-1, 0, 1):
        for column in (-1, 0, 1):
            corner = np.array([(-0.25, -0.25), (0.25, -0.25), (0.25, 0.25), (-0.25, 0.25)])
            tile = turned((corner + spot(column * 0.54, row * 0.54)) * r, 0.3) + spot(x, y)
            canvas.blob(tile, mixed(ACCENTS["chocolate"], tint, 0.5), 0.6)


def cheese(canvas: Canvas, x: float, y: float, r: float, tint: Colour) -> None:
    """A wedge of cheese."""
    yellow = ACCENTS["cheese"]
    canvas.polygon(
        np.array([(-0.9, 0.1), (0.5, -0.6), (0.95, 0.1)]) * r + (x, y), mixed(yellow, WHITE, 0.4)
    )
    canvas.polygon(
        np.array([(-0.9, 0.1), (0.95, 0.1), (0.95, 0.75), (-0.9, 0.75)]) * r + (x, y), yellow
    )
    for dx, dy, size in ((-0.45, 0.4, 0.15), (0.2, 0.52, 0.18), (0.65, 0.32, 0.12)):
        canvas.polygon(
            ellipse(x + dx * r, y + dy * r, size * r, size * r), mixed(yellow, STEM, 0.4)
        )


def mushroom(canvas: Canvas, x: float, y: float, r: float, tint: Colour) -> None:
    """A mushroom."""
    canvas.blob(ellipse(x, y + r * 0.45, r * 0.3, r * 0.5), (240, 228, 208))
    arc = np.linspace(np.pi, 2 * np.pi, 24)
    canvas.blob(
        np.stack([x + 0.9 * r * np.cos(arc), y + r * (0.25 + 0.95 * np.sin(arc))], 1),
        (176, 136, 100),
    )


def carrot(canvas: Canvas, x: float, y: float, r: float, tint: Colour) -> None:
    """Two carrots."""
    for dx, turn in ((-0.3, 0.25), (0.3, -0.25)):
        for lean in (-1.95, -1.57, -1.2):
            leaf(canvas, x + dx * r, y - r * 0.35, r * 0.6, lean, GREEN)
        canvas.blob(
            turned(heart(0, 0, r * 0.28, r * 0.75, 2.0), turn) + spot(x + dx * r, y + r * 0.25),
            ACCENTS["carrot"],
        )


def bulb(canvas: Canvas, x: float, y: float, r: float, colour: Colour) -> None:
    """An onion or another bulb of the given colour."""
    canvas.line(
        np.array([(x, y - r * 0.3), (x, y - r * 0.95)]), mixed(colour, GREEN, 0.4), r * 0.16
    )
    canvas.blob(ellipse(x, y + r * 0.2, r * 0.84, r * 0.72), colour)
    for dx in (-0.42, 0.0, 0.42):
        canvas.line(
            np.array(
                [
                    (x + dx * 0.3 * r, y - r * 0.45),
                    (x + dx * r, y + r * 0.2),
                    (x + dx * 0.4 * r, y + r * 0.85),
                ]
            ),
            mixed(colour, WHITE, 0.4),
            r * 0.04,
        )


def pepper(canvas: Canvas, x: float, y: float, r: float, tint: Colour) -> None:
    """A pepper in the tint."""
    for dx in (-0.4, 0.4, 0.0):
        canvas.blob(heart(x + dx * r, y + r * 0.2, r * 0.45, r * 0.75, 0.6), tint)
    canvas.line(np.array([(x, y - r * 0.45), (x + r * 0.12, y - r * 0.95)]), GREEN, r * 0.16)


def broccoli(canvas: Canvas, x: float, y: float, r: float, tint: Colour) -> None:
    """A broccoli."""
    canvas.blob(ellipse(x, y + r * 0.5, r * 0.28, r * 0.45), (150, 190, 100))
    for dx, dy in ((-0.5, 0.05), (0.5, 0.05), (-0.28, -0.4), (0.3, -0.4), (0, -0.1)):
        canvas.blob(ellipse(x + dx * r, y + dy * r, r * 0.42, r * 0.38), (58, 126, 62))


def leek(canvas: Canvas, x: float, y: float, r: float, tint: Colour) -> None:
    """Two leeks."""
    for dx, turn in ((-0.2, -0.3), (0.25, 0.15)):
        stalk = turned(
            np.array([(-0.14, -0.1), (0.14, -0.1), (0.14, 0.95), (-0.14, 0.95)]) * r, turn
        )
        canvas.blob(stalk + spot(x + dx * r, y), (232, 240, 204))
        for lean in (-2.0, -1.57, -1.1):
            leaf(canvas, x + dx * r, y, r, lean + turn, GREEN)


def fish(canvas: Canvas, x: float, y: float, r: float, tint: Colour) -> None:
    """A fish in the tint."""
    tail = np.array([(0.45, 0), (0.98, -0.45), (0.86, 0), (0.98, 0.45)]) * r + (x, y)
    canvas.blob(tail, mixed(tint, (20, 40, 60), 0.3))
    canvas.blob(leaf_points(x - r * 0.98, y, r * 1.7, r * 0.95, 0.0), tint)
    canvas.polygon(ellipse(x - r * 0.62, y - r * 0.1, r * 0.09, r * 0.09), WHITE)
    canvas.polygon(ellipse(x - r * 0.62, y - r * 0.1, r * 0.045, r * 0.045), (20, 20, 30))


def chicken(canvas: Canvas, x: float, y: float, r: float, tint: Colour) -> None:
    """A drumstick in the tint."""
    canvas.line(np.array([(x, y), (x + r * 0.75, y + r * 0.75)]), WHITE, r * 0.2)
    for dx, dy in ((0.7, 0.86), (0.88, 0.7)):
        canvas.blob(ellipse(x + dx * r, y + dy * r, r * 0.14, r * 0.14), WHITE)
    canvas.blob(
        turned(heart(0, 0, r * 0.62, r * 0.78), -0.78) + spot(x - r * 0.18, y - r * 0.18), tint
    )


def cubes(colour: Colour) -> Draw:
    """Small blocks with a lit top, as butter or salt."""

    def draw(canvas: Canvas, x: float, y: float, r: float, tint: Colour) -> None:
        for dx, dy in ((-0.1, -0.35), (-0.45, 0.3), (0.4, 0.25)):
            left = np.array([(-0.4, -0.1), (0, 0.08), (0, 0.5), (-0.4, 0.3)])
            at = (x + dx * r, y + dy * r)
            canvas.polygon(left * r + at, mixed(colour, STEM, 0.12))
            canvas.polygon(left * r * (-1, 1) + at, mixed(colour, STEM, 0.3))
            top = np.array([(-0.4, -0.1), (0, -0.28), (0.4, -0.1), (0, 0.08)])
            canvas.polygon(top * r + at, mixed(colour, WHITE, 0.45))

    return draw
