"""Drawing on RGB images: smooth shapes with a soft light, and text."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from models.store.assortment import Colour

_SHIFT = 4  # sub-pixel bits of OpenCV coordinates


@dataclass
class Canvas:
    """An RGB uint8 image (height, width, 3) to draw on, in pixels."""

    image: np.ndarray

    @classmethod
    def blank(cls, width: int, height: int, colour: Colour) -> Canvas:
        """A canvas filled with one colour."""
        return cls(np.full((height, width, 3), colour, np.uint8))

    @property
    def width(self) -> int:
        """Pixels across."""
        return int(self.image.shape[1])

    @property
    def height(self) -> int:
        """Pixels down."""
        return int(self.image.shape[0])

    def polygon(self, points: np.ndarray, colour: Colour) -> None:
        """Fills a polygon, points (n, 2)."""
        cv2.fillPoly(self.image, [_fixed(points)], colour, cv2.LINE_AA, _SHIFT)

    def rectangle(self, x0: float, y0: float, x1: float, y1: float, colour: Colour) -> None:
        """Fills an upright rectangle."""
        self.polygon(np.array([(x0, y0), (x1, y0), (x1, y1), (x0, y1)]), colour)

    def line(self, points: np.ndarray, colour: Colour, width: float) -> None:
        """Draws an open polyline, points (n, 2)."""
        thickness = max(1, round(width))
        cv2.polylines(self.image, [_fixed(points)], False, colour, thickness, cv2.LINE_AA, _SHIFT)

    def blob(self, points: np.ndarray, colour: Colour, depth: float = 0.45) -> None:
        """Fills a polygon as if it were a rounded body lit from the upper left."""
        x0, y0 = np.maximum(np.floor(points.min(0)).astype(int) - 1, 0)
        x1, y1 = np.ceil(points.max(0)).astype(int) + 2
        area = self.image[y0:y1, x0:x1]
        if area.size == 0:
            return
        mask = np.zeros(area.shape[:2], np.uint8)
        cv2.fillPoly(mask, [_fixed(points - (x0, y0))], 255, cv2.LINE_AA, _SHIFT)
        light = _light(area.shape[1], area.shape[0], depth)
        lit = np.clip(np.array(colour, np.float32) * light[..., None] + _gloss(light), 0, 255)
        weight = (mask / np.float32(255))[..., None]
        area[:] = (area * (1 - weight) + lit * weight).astype(np.uint8)

    def text(
        self, words: str, x: float, y: float, size: float, colour: Colour, bold: float = 0.0
    ) -> None:
        """Writes one line centred on (x, y); `size` is the type height in pixels."""
        stroke = round(bold * size * 0.035)
        mask = text_mask(words, max(6, round(size)), stroke)
        self.stamp(mask, x, y, colour)

    def stamp(self, mask: np.ndarray, x: float, y: float, colour: Colour) -> None:
        """Blends a colour through a uint8 mask centred on (x, y)."""
        height, width = mask.shape
        left, top = round(x - width / 2), round(y - height / 2)
        x0, y0 = max(left, 0), max(top, 0)
        x1, y1 = min(left + width, self.width), min(top + height, self.height)
        if x0 >= x1 or y0 >= y1:
            return
        weight = mask[y0 - top : y1 - top, x0 - left : x1 - left, None] / np.float32(255)
        area = self.image[y0:y1, x0:x1]
        area[:] = (area * (1 - weight) + np.array(colour, np.float32) * weight).astype(np.uint8)


def ellipse(x: float, y: float, rx: float, ry: float, turn: float = 0.0) -> np.ndarray:
    """Points (48, 2) of an ellipse, turned by `turn` radians."""
    angle = np.linspace(0, 2 * np.pi, 48, endpoint=False)
    return turned(np.stack([rx * np.cos(angle), ry * np.sin(angle)], 1), turn) + spot(x, y)


def spot(x: float, y: float) -> np.ndarray:
    """A place (2,) to move points to by adding it."""
    return np.array([x, y])


def turned(points: np.ndarray, angle: float) -> np.ndarray:
    """Points (n, 2) turned about the origin by `angle` radians."""
    cos, sin = np.cos(angle), np.sin(angle)
    return points @ np.array([(cos, sin), (-sin, cos)])


def rounded(x0: float, y0: float, x1: float, y1: float, radius: float) -> np.ndarray:
    """Points of an upright rectangle with round corners."""
    radius = min(radius, (x1 - x0) / 2, (y1 - y0) / 2)
    quarter = np.linspace(0, np.pi / 2, 8)
    arc = radius * np.stack([np.cos(quarter), np.sin(quarter)], 1)
    corners = ((x1, y1, 0), (x0, y1, 1), (x0, y0, 2), (x1, y0, 3))
    inset = np.array([(-1, -1), (1, -1), (1, 1), (-1, 1)]) * radius
    parts = [turned(arc, turns * np.pi / 2) + (x, y) + inset[turns] for x, y, turns in corners]
    return np.concatenate(parts)


def mixed(first: Colour, second: Colour, share: float) -> Colour:
    """`first` with `share` (0..1) of `second`."""
    blend = np.array(first) * (1 - share) + np.array(second) * share
    return int(blend[0]), int(blend[1]), int(blend[2])


def readable_on(colour: Colour) -> Colour:
    """Dark or light ink, whichever is easier to read on `colour`."""
    luma = 0.299 * colour[0] + 0.587 * colour[1] + 0.114 * colour[2]
    return mixed(colour, (20, 18, 28), 0.82) if luma > 140 else (255, 252, 244)


def fitting_size(words: str, width: float, size: float, bold: float = 0.0) -> float:
    """The largest type size, at most `size`, at which `words` is no wider than `width`."""
    reference = text_mask(words, 40, round(bold * 1.4)).shape[1]
    return min(size, 40 * width / max(reference, 1))


@lru_cache(maxsize=2048)
def text_mask(words: str, size: int, stroke: int = 0) -> np.ndarray:
    """Coverage (height, width) uint8 of one line of text in Pillow's own font."""
    font = ImageFont.load_default(size)
    left, top, right, bottom = font.getbbox(words, stroke_width=stroke)
    image = Image.new("L", (int(right - left) + 2, int(bottom - top) + 2))
    ImageDraw.Draw(image).text((1 - left, 1 - top), words, fill=255, font=font, stroke_width=stroke)
    return np.asarray(image)


def _fixed(points: np.ndarray) -> np.ndarray:
    return np.round(np.asarray(points) * (1 << _SHIFT)).astype(np.int32)


def _light(width: int, height: int, depth: float) -> np.ndarray:
    x = np.linspace(-0.7, 1.3, width, dtype=np.float32)
    y = np.linspace(-0.65, 1.35, height, dtype=np.float32)[:, None]
    return 1.12 - depth * (x * x + y * y) / 1.8


def _gloss(light: np.ndarray) -> np.ndarray:
    return (np.clip(light - 1.06, 0, 1) * 900)[..., None]
