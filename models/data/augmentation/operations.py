"""Single changes of a picture; each draws what it does from a generator and leaves its input alone.

The kinds are those of GroceryLPR's tiers L1 to L3. Pictures are uint8 [H, W, 3] BGR and keep their
size; parts are fractions of a side.
"""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from models.data.cutout import cover

BgrImage = npt.NDArray[np.uint8]
_Pixels = npt.NDArray[Any]
"""A picture on its way through OpenCV, whose stubs do not tell the element type."""

LEAST = 8
"""Pixels of a side below which a pasted or shrunk picture shows nothing."""


def shrink_into(
    picture: BgrImage, scene: BgrImage, rng: np.random.Generator, smallest: float
) -> BgrImage:
    """The picture, smaller, somewhere in another scene.

    Args:
        scene: what stands around it.
        smallest: the least part of the sides that is left of the picture.
    """
    height, width = picture.shape[:2]
    part = rng.uniform(smallest, 0.9)
    tall, wide = max(LEAST, int(part * height)), max(LEAST, int(part * width))
    tall, wide = min(tall, height), min(wide, width)
    top, left = rng.integers(0, height - tall + 1), rng.integers(0, width - wide + 1)
    out = _filling(scene, width, height)
    out[top : top + tall, left : left + wide] = _shrunk(picture, wide, tall)
    return out


def beside(picture: BgrImage, other: BgrImage, rng: np.random.Generator, widest: float) -> BgrImage:
    """Another picture on one side; the middle of the picture is kept.

    Args:
        other: of another product.
        widest: the largest part of the width that the other takes.
    """
    height, width = picture.shape[:2]
    taken = int(width * rng.uniform(widest / 2, widest))
    kept = picture[:, taken // 2 : taken // 2 + width - taken]
    filled = _filling(other, width, height)
    added = filled[:, (width - taken) // 2 : (width - taken) // 2 + taken]
    return np.hstack([added, kept] if rng.random() < 0.5 else [kept, added])


def paste(
    picture: BgrImage, product: BgrImage, rng: np.random.Generator, largest: float
) -> BgrImage:
    """A shop picture laid over, turned, without its white ground.

    Args:
        product: of another product, on white.
        largest: the largest part of the shorter side that it takes.
    """
    height, width = picture.shape[:2]
    side = max(LEAST, int(min(height, width) * rng.uniform(largest / 2, largest)))
    side = min(side, height, width)
    turn = cv2.getRotationMatrix2D((side / 2, side / 2), rng.uniform(-25, 25), 0.9)
    white = (255.0, 255.0, 255.0)
    turned = cv2.warpAffine(_shrunk(product, side, side), turn, (side, side), borderValue=white)
    alpha = cover(turned)[..., None]
    top, left = rng.integers(0, height - side + 1), rng.integers(0, width - side + 1)
    out = picture.copy()
    under = out[top : top + side, left : left + side]
    under[:] = (alpha * turned + (1 - alpha) * under).astype(np.uint8)
    return out


def occlude(picture: BgrImage, rng: np.random.Generator, largest: float) -> BgrImage:
    """A rectangle of one colour over a part, as a hand or a label.

    Args:
        largest: the largest part of each side that is covered.
    """
    height, width = picture.shape[:2]
    tall, wide = (max(1, int(s * rng.uniform(largest / 2, largest))) for s in (height, width))
    top, left = rng.integers(0, height - tall + 1), rng.integers(0, width - wide + 1)
    out = picture.copy()
    out[top : top + tall, left : left + wide] = rng.integers(30, 226, 3)
    return out


def recolour(
    picture: BgrImage, rng: np.random.Generator, cast: float, gain: tuple[float, float]
) -> BgrImage:
    """Another light: every channel by its own factor, and all by one.

    Args:
        cast: standard deviation of a channel's factor.
        gain: darkest and brightest common factor.
    """
    factor = np.clip(rng.normal(1.0, cast, 3), 0.5, 1.5) * rng.uniform(*gain)
    return np.clip(picture * factor, 0, 255).astype(np.uint8)


def blur(picture: BgrImage, rng: np.random.Generator, widest: float) -> BgrImage:
    """Motion along one axis, or a camera out of focus.

    Args:
        widest: the largest part of the shorter side that is smeared.
    """
    reach = min(picture.shape[:2]) * rng.uniform(widest / 4, widest)
    style = rng.integers(3)
    if style == 2:
        return np.asarray(cv2.GaussianBlur(picture, (0, 0), max(0.3, reach / 4)), np.uint8)
    width = max(2, round(reach))
    return np.asarray(cv2.blur(picture, (width, 1) if style else (1, width)), np.uint8)


def compress(picture: BgrImage, rng: np.random.Generator, worst: int) -> BgrImage:
    """Through JPEG and back.

    Args:
        worst: the lowest quality, 1 to 100.
    """
    quality = int(rng.integers(worst, max(worst, 70) + 1))
    _, data = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, quality])
    return np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR), np.uint8)


def _filling(picture: BgrImage, width: int, height: int) -> _Pixels:
    """The largest central part of a picture with the proportions asked for, in that size."""
    own_height, own_width = picture.shape[:2]
    scale = min(own_width / width, own_height / height)
    wide, tall = max(1, int(width * scale)), max(1, int(height * scale))
    top, left = (own_height - tall) // 2, (own_width - wide) // 2
    return _shrunk(picture[top : top + tall, left : left + wide], width, height)


def _shrunk(picture: BgrImage, width: int, height: int) -> _Pixels:
    return cv2.resize(picture, (width, height), interpolation=cv2.INTER_AREA)
