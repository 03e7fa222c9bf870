"""Shop pictures put into a scene: gives every catalog product camera-like pictures."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

PAPER = 238
"""Shop pictures stand on white; pixels darker than this in any channel are the product."""

BgrImage = npt.NDArray[np.uint8]
_Pixels = npt.NDArray[Any]
"""A picture on its way through OpenCV, whose stubs do not tell the element type."""


def stage(
    product: BgrImage, ground: BgrImage, rng: np.random.Generator, size: int = 320
) -> BgrImage:
    """Cut a product from its white ground and stage it in a scene.

    Args:
        product: uint8 [H, W, 3] BGR shop picture.
        ground: uint8 [H, W, 3] BGR scene.
        rng: source of randomness.
        size: side of the result in pixels.

    Returns:
        uint8 [size, size, 3] BGR.
    """
    scene = _crop(ground, rng, size)
    side = int(size * rng.uniform(0.5, 1.0))
    small = cv2.resize(product, (side, side), interpolation=cv2.INTER_AREA)
    mask = cover(small)
    corners = np.array([[0, 0], [side, 0], [side, side], [0, side]], np.float32)
    place = rng.uniform(0, max(1, size - side), 2)
    bent = corners + rng.normal(0, 0.05 * side, (4, 2)) + place
    warp = cv2.getPerspectiveTransform(corners, bent.astype(np.float32))
    turned = cv2.warpPerspective(small, warp, (size, size))
    alpha = cv2.warpPerspective(mask, warp, (size, size))[..., None]
    mixed = alpha * turned + (1 - alpha) * scene
    return _camera(mixed, rng)


def cover(product: _Pixels) -> _Pixels:
    """Where a shop picture shows the product and not its paper: float32 [H, W], 0 to 1."""
    ink = (product.min(2) < PAPER).astype(np.uint8)
    kernel = np.ones((7, 7), np.uint8)
    # Closed within a margin: at the border itself the paper would be closed in.
    margin = len(kernel) // 2
    closed = cv2.morphologyEx(np.pad(ink, margin), cv2.MORPH_CLOSE, kernel)[
        margin:-margin, margin:-margin
    ]
    return cv2.GaussianBlur(closed.astype(np.float32), (3, 3), 0)


def _crop(ground: BgrImage, rng: np.random.Generator, size: int) -> npt.NDArray[np.float32]:
    height, width = ground.shape[:2]
    side = int(min(height, width) * rng.uniform(0.5, 1.0))
    top = int(rng.integers(0, height - side + 1))
    left = int(rng.integers(0, width - side + 1))
    part = cv2.resize(ground[top : top + side, left : left + side], (size, size))
    return np.asarray(cv2.GaussianBlur(part, (0, 0), rng.uniform(0.5, 3.0)), np.float32)


def _camera(picture: _Pixels, rng: np.random.Generator) -> BgrImage:
    cast = rng.normal(1.0, 0.08, 3) * rng.uniform(0.7, 1.2)
    picture = picture * cast
    if rng.random() < 0.5:
        picture = cv2.GaussianBlur(picture, (0, 0), rng.uniform(0.4, 1.6))
    picture = picture + rng.normal(0, rng.uniform(1, 6), picture.shape)
    return np.clip(picture, 0, 255).astype(np.uint8)
