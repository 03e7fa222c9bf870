"""Frames and attention as the page takes them."""

from __future__ import annotations

import math

import cv2
import numpy as np
import numpy.typing as npt

from runtime.capture.camera import BgrImage
from runtime.kiosk.state import Attention

LONGEST_SIDE = 1280
QUALITY = 82


def as_jpeg(image: BgrImage) -> bytes:
    """A frame, uint8 [H, W, 3] BGR, as JPEG; large ones shrunk, empty where it cannot be coded."""
    height, width = image.shape[:2]
    scale = LONGEST_SIDE / max(height, width)
    if scale < 1:
        size = (max(1, round(width * scale)), max(1, round(height * scale)))
        image = np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), np.uint8)
    coded, jpeg = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, QUALITY])
    return jpeg.tobytes() if coded else b""


PEAK = 1.5
"""How far the most looked at place must be above the mean to be shown."""


def as_overlay(attention: npt.NDArray[np.float32] | None) -> Attention | None:
    """Attention, float32 [P] over a square of patches, stretched to [0, 1].

    None where there is none, where P is no square, or where the network looks everywhere nearly
    alike: stretched, chance would look like a finding.
    """
    if attention is None:
        return None
    side = math.isqrt(attention.size)
    values = np.nan_to_num(attention.astype(np.float64).ravel())
    low, high = float(values.min(initial=math.inf)), float(values.max(initial=-math.inf))
    mean = float(values.sum()) / max(1, values.size)
    if side * side != attention.size or not high > PEAK * mean:
        return None
    stretched = (values - low) / (high - low)
    return Attention(side, tuple(round(float(weight), 2) for weight in stretched))
