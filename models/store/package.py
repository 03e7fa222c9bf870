"""Packages seen from the front: the parts of each shape, with light on them."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

import cv2
import numpy as np

from models.store.assortment import Colour
from models.store.paint import Canvas, ellipse, mixed, rounded
from models.store.product import Product

SIDE = 512  # pixels of a package picture, width and height

Label = Callable[[int, int], np.ndarray]

METAL: Colour = (206, 210, 216)
GLASS: Colour = (206, 222, 214)


class Pack:
    """Collects the parts of one package into RGB (512, 512, 3) and coverage (512, 512) uint8."""

    def __init__(self, product: Product, label: Label) -> None:
        self.product = product
        self.canvas = Canvas.blank(SIDE, SIDE, mixed(product.design.base, (0, 0, 0), 0.3))
        self.cover = np.zeros((SIDE, SIDE), np.uint8)
        self._label = label

    def part(self, points: np.ndarray, colour: Colour, bend: str) -> None:
        """Adds a part of one colour."""
        x0, y0, x1, y1 = _bounds(points)
        self._add(points, np.full((y1 - y0, x1 - x0, 3), colour, np.uint8), bend)

    def front(self, points: np.ndarray, bend: str, taper: float = 1.0) -> None:
        """Adds the part that carries the printed label, fitted to its bounds.

        `taper` is the width of its lower edge as a share of the upper one.
        """
        x0, y0, x1, y1 = _bounds(points)
        print_ = self._label((x1 - x0) * 2, (y1 - y0) * 2)
        print_ = cv2.resize(print_, (x1 - x0, y1 - y0), interpolation=cv2.INTER_AREA)
        if bend == "round":
            print_ = _wrapped(print_)
        self._add(points, _tapered(print_, taper), bend)

    def _add(self, points: np.ndarray, pixels: np.ndarray, bend: str) -> None:
        x0, y0, x1, y1 = _bounds(points)
        mask = np.zeros((y1 - y0, x1 - x0), np.uint8)
        cv2.fillPoly(
            mask, [np.round((points - (x0, y0)) * 16).astype(np.int32)], 255, cv2.LINE_AA, 4
        )
        lit = np.clip(pixels * _relief(bend, x1 - x0, y1 - y0)[..., None], 0, 255)
        weight = (mask / np.float32(255))[..., None]
        area = self.canvas.image[y0:y1, x0:x1]
        area[:] = (area * (1 - weight) + lit * weight).astype(np.uint8)
        cover = self.cover[y0:y1, x0:x1]
        np.maximum(cover, mask, out=cover)


def draw_package(product: Product, label: Label) -> np.ndarray:
    """RGBA uint8 (512, 512, 4) of the package that `label(width, height)` is printed on."""
    pack = Pack(product, label)
    _PACKAGES[product.design.package](pack)
    return np.dstack([pack.canvas.image, pack.cover])


def _bounds(points: np.ndarray) -> tuple[int, int, int, int]:
    low = np.maximum(np.floor(points.min(0)).astype(int), 0)
    high = np.minimum(np.ceil(points.max(0)).astype(int) + 1, SIDE)
    return int(low[0]), int(low[1]), int(high[0]), int(high[1])


def _tapered(pixels: np.ndarray, taper: float) -> np.ndarray:
    """A print that narrows evenly towards its lower edge."""
    if taper == 1.0:
        return pixels
    height, width = pixels.shape[:2]
    inset = width * (1 - taper) / 2
    upper = np.array([(0, 0), (width, 0), (width, height), (0, height)], np.float32)
    lower = np.array([(0, 0), (width, 0), (width - inset, height), (inset, height)], np.float32)
    warp = cv2.getPerspectiveTransform(upper, lower)
    return cv2.warpPerspective(pixels, warp, (width, height), borderMode=cv2.BORDER_REPLICATE)


def _wrapped(pixels: np.ndarray) -> np.ndarray:
    """A flat print as it looks around a cylinder, somewhat compressed towards the sides."""
    height, width = pixels.shape[:2]
    across = np.linspace(-1, 1, width, dtype=np.float32)
    bent = np.arcsin(across * 0.86) / np.arcsin(0.86)
    columns = np.tile((bent + 1) / 2 * (width - 1), (height, 1)).astype(np.float32)
    sag = (np.sqrt(1 - (across * 0.9) ** 2) - 1) * height * 0.05
    rows = (
        np.arange(height, dtype=np.float32)[:, None] - sag.astype(np.float32) * 0.8 - 0.02 * height
    )
    return cv2.remap(pixels, columns, rows, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)


@lru_cache(maxsize=128)
def _relief(bend: str, width: int, height: int) -> np.ndarray:
    """Light on a part, float32 (height, width), 1.0 = unchanged."""
    x = np.linspace(-1, 1, width, dtype=np.float32)[None, :]
    y = np.linspace(-1, 1, height, dtype=np.float32)[:, None]
    if bend == "round":
        gleam = 0.28 * np.exp(-(((x + 0.48) / 0.13) ** 2)) + 0.1 * np.exp(
            -(((x - 0.7) / 0.08) ** 2)
        )
        return 0.5 + 0.52 * np.sqrt(np.clip(1 - (x * 0.95) ** 2, 0, 1)) + gleam + 0 * y
    if bend == "soft":
        folds = 0.05 * np.sin(7 * x + 3 * y) * np.abs(y) + 0.045 * np.sin(4 * y - 9 * x * np.abs(y))
        gleam = 0.16 * np.exp(-(((x + 0.55 + 0.12 * y) / 0.14) ** 2)) * (1 - y**4)
        return 1.0 - 0.26 * x**4 - 0.2 * y**8 + folds + gleam
    if bend == "side":
        return 0.66 - 0.06 * x + 0 * y
    return 1.03 - 0.05 * y - 0.03 * x


def _upright(x0: float, y0: float, x1: float, y1: float, radius: float = 4) -> np.ndarray:
    return rounded(x0, y0, x1, y1, radius)


def _bowed(
    top: float, bottom: float, half_top: float, half_bottom: float, bow: float
) -> np.ndarray:
    """A cylinder wall whose rims are seen a little from above."""
    across = np.linspace(-1, 1, 24)
    curve = bow * np.sqrt(1 - across**2)
    upper = np.stack([256 + across * half_top, top + curve * 0.5], 1)
    lower = np.stack([256 + across[::-1] * half_bottom, bottom + curve], 1)
    return np.concatenate([upper, lower])


def _carton(pack: Pack) -> None:
    design = pack.product.design
    pack.part(np.array([(354, 150), (398, 138), (398, 474), (354, 492)]), design.base, "side")
    pack.part(
        np.array([(354, 150), (398, 138), (352, 66)]), mixed(design.base, (0, 0, 0), 0.1), "side"
    )
    pack.part(
        np.array([(124, 150), (354, 150), (352, 66), (136, 66)]),
        mixed(design.base, design.paper, 0.25),
        "flat",
    )
    pack.part(_upright(134, 22, 354, 68), mixed(design.paper, design.base, 0.12), "flat")
    pack.front(_upright(122, 148, 356, 492, 3), "flat")
    pack.part(ellipse(244, 108, 34, 28), mixed(design.trim, (0, 0, 0), 0.25), "round")
    pack.part(ellipse(244, 103, 32, 25), design.trim, "round")


def _bottle(pack: Pack) -> None:
    design = pack.product.design
    inside = mixed(pack.product.accent, (255, 244, 210), 0.15)
    neck = np.array([(224, 96), (288, 96), (292, 130), (356, 184), (366, 214)])
    body = np.concatenate(
        [neck, [(366, 476), (354, 494), (158, 494), (146, 476), (146, 214), (156, 184), (220, 130)]]
    )
    pack.part(body, inside, "round")
    pack.part(_upright(224, 96, 288, 120, 3), GLASS, "round")
    pack.part(_upright(221, 22, 291, 98, 9), design.trim, "round")
    pack.front(_bowed(206, 456, 112, 112, 9), "round")


def _can(pack: Pack) -> None:
    pack.part(_bowed(46, 478, 118, 118, 14), METAL, "round")
    pack.part(ellipse(256, 48, 118, 17), mixed(METAL, (255, 255, 255), 0.4), "round")
    pack.part(ellipse(256, 49, 106, 13), mixed(METAL, (60, 60, 70), 0.25), "flat")
    pack.front(_bowed(66, 462, 121, 121, 14), "round")


def _tin(pack: Pack) -> None:
    pack.part(_bowed(170, 372, 206, 206, 30), METAL, "round")
    pack.part(ellipse(256, 172, 206, 40), mixed(METAL, (255, 255, 255), 0.3), "round")
    pack.part(ellipse(256, 173, 188, 33), mixed(METAL, pack.product.design.trim, 0.7), "flat")
    pack.part(ellipse(256, 160, 34, 11), METAL, "flat")
    pack.front(_bowed(186, 362, 209, 209, 30), "round")


def _jar(pack: Pack) -> None:
    design = pack.product.design
    pack.part(
        _upright(126, 92, 386, 492, 52), mixed(pack.product.accent, (30, 10, 10), 0.12), "round"
    )
    pack.front(_bowed(176, 436, 131, 131, 10), "round")
    pack.part(_upright(136, 22, 376, 96, 14), design.trim, "round")
    for x in range(146, 372, 12):
        pack.part(_upright(x, 42, x + 3, 92, 1), mixed(design.trim, (0, 0, 0), 0.15), "flat")


def _box(pack: Pack) -> None:
    design = pack.product.design
    pack.part(np.array([(376, 46), (420, 32), (420, 474), (376, 490)]), design.base, "side")
    pack.part(
        np.array([(98, 46), (148, 32), (420, 32), (376, 46)]),
        mixed(design.base, (255, 255, 255), 0.35),
        "flat",
    )
    pack.front(_upright(96, 45, 378, 491, 3), "flat")


def _bar(pack: Pack) -> None:
    foil = mixed(METAL, pack.product.design.trim, 0.35)
    for y, top in ((14, True), (476, False)):
        teeth = np.array(
            [
                (152 + i * 8, y + (6 if (i % 2) == top else 0) + (0 if top else 18))
                for i in range(27)
            ]
        )
        base = np.array([(360, 246), (152, 246)]) if top else np.array([(360, 266), (152, 266)])
        pack.part(np.concatenate([teeth, base]), foil, "soft")
    pack.front(_upright(148, 38, 364, 474, 6), "soft")


def _pouch(pack: Pack) -> None:
    sides = np.linspace(0, 1, 20)
    bulge = 14 * np.sin(np.pi * sides)
    right = np.stack([376 + bulge, 26 + sides * 452], 1)
    left = np.stack([136 - bulge[::-1], 478 - sides * 452], 1)
    foot = np.array([(330, 492), (256, 496), (182, 492)])
    pack.front(np.concatenate([right, foot, left]), "soft")
    pack.part(
        _upright(134, 24, 378, 50, 3), mixed(pack.product.design.base, (255, 255, 255), 0.3), "flat"
    )
    pack.part(
        _upright(140, 62, 372, 66, 1), mixed(pack.product.design.base, (0, 0, 0), 0.35), "flat"
    )


def _bag(pack: Pack) -> None:
    base = pack.product.design.base
    x = np.linspace(110, 402, 41)
    teeth = (np.arange(41) % 2) * 7.0
    sides = np.linspace(0, 1, 20)
    pinch = 16 * np.cos(2 * np.pi * sides)
    right = np.stack([398 - 8 + pinch * 0.8, 40 + sides * 430], 1)
    left = np.stack([122 - pinch[::-1] * 0.8, 470 - sides * 430], 1)
    pack.part(
        np.concatenate([np.stack([x, 16 + teeth], 1), [(402, 52), (110, 52)]]),
        mixed(base, METAL, 0.5),
        "flat",
    )
    pack.part(
        np.concatenate([np.stack([x, 496 - teeth], 1), [(402, 458), (110, 458)]]),
        mixed(base, METAL, 0.5),
        "flat",
    )
    pack.front(np.concatenate([right, left]), "soft")


def _cup(pack: Pack) -> None:
    design = pack.product.design
    pack.part(_bowed(96, 470, 168, 122, 14), (248, 246, 242), "round")
    pack.front(_bowed(118, 462, 166, 124, 14), "round", 0.75)
    pack.part(ellipse(256, 96, 180, 34), mixed(METAL, (40, 40, 50), 0.3), "flat")
    pack.part(ellipse(256, 90, 180, 34), mixed(METAL, pack.product.accent, 0.35), "round")
    pack.part(ellipse(256, 88, 150, 25), mixed(design.paper, pack.product.accent, 0.5), "flat")


def _tub(pack: Pack) -> None:
    design = pack.product.design
    pack.front(_bowed(140, 440, 204, 176, 22), "round", 0.86)
    pack.part(_bowed(92, 150, 214, 214, 18), design.trim, "round")
    pack.part(ellipse(256, 96, 214, 32), mixed(design.trim, (255, 255, 255), 0.3), "flat")


def _tube(pack: Pack) -> None:
    design = pack.product.design
    wall = np.array([(142, 46), (370, 46), (334, 416), (178, 416)])
    pack.part(_upright(138, 18, 374, 52, 2), mixed(design.base, (255, 255, 255), 0.35), "flat")
    pack.part(_upright(174, 408, 338, 434, 8), mixed(design.paper, (0, 0, 0), 0.08), "round")
    pack.part(_upright(188, 430, 324, 496, 10), design.trim, "round")
    pack.front(wall, "soft", 0.68)


_PACKAGES: dict[str, Callable[[Pack], None]] = {
    "carton": _carton, "bottle": _bottle, "can": _can, "tin": _tin, "jar": _jar, "box": _box,
    "bar": _bar, "pouch": _pouch, "bag": _bag, "cup": _cup, "tub": _tub, "tube": _tube,
}  # fmt: skip
