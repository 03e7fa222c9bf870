"""Pictures of a product alone: the cut-out package and the shop image."""

from __future__ import annotations

import cv2
import numpy as np

from models.store.label import draw_label
from models.store.package import SIDE, draw_package
from models.store.product import Product


def cutout(product: Product) -> np.ndarray:
    """The package on nothing: BGRA uint8 (512, 512, 4), alpha not premultiplied."""
    picture = draw_package(product, lambda width, height: draw_label(product, width, height))
    return cv2.cvtColor(picture, cv2.COLOR_RGBA2BGRA)


def shop_image(product: Product, size: int = 400) -> np.ndarray:
    """A studio picture on white with a soft shadow: BGR uint8 (size, size, 3)."""
    return studio(cutout(product), size)


def studio(picture: np.ndarray, size: int = 400) -> np.ndarray:
    """Puts a cut-out, BGRA (512, 512, 4), on white with a soft shadow: BGR (size, size, 3)."""
    margin = 24
    side = SIDE + 2 * margin
    framed = cv2.copyMakeBorder(picture, margin, margin, margin, margin, cv2.BORDER_CONSTANT)
    alpha = framed[..., 3:].astype(np.float32) / 255
    ground = 255 - _shadow(alpha[..., 0], side)[..., None]
    image = framed[..., :3] * alpha + ground * (1 - alpha)
    return cv2.resize(image.astype(np.uint8), (size, size), interpolation=cv2.INTER_AREA)


def _shadow(alpha: np.ndarray, side: int) -> np.ndarray:
    """Darkness (side, side) of a soft pool of shade under the package."""
    rows, columns = np.nonzero(alpha > 0.5)
    foot, left, right = int(rows.max()), int(columns.min()), int(columns.max())
    pool = np.zeros((side, side), np.float32)
    centre = ((left + right) // 2 + 6, foot - 2)
    cv2.ellipse(pool, centre, ((right - left) // 2, 9), 0, 0, 360, 150.0, -1)
    soft = cv2.GaussianBlur(pool, (0, 0), 7)
    # The outermost pixels stay pure white, as shops ask for.
    fade = np.clip((side - 6 - np.arange(side, dtype=np.float32)) / 12, 0, 1)
    return soft * fade[:, None]
