"""Small pictures that a page holds itself."""

from __future__ import annotations

import base64
from pathlib import Path

import cv2

from models.data.grocery_lpr import Picture
from runtime.catalog.images import decode_image, read_image
from runtime.preprocess import letterbox

FRAME_SIDE = 104
IMAGE_SIDE = 160
QUALITY = 80
WHITE = 255


def frame_uri(picture: Picture, side: int = FRAME_SIDE) -> str:
    """Data URI of a square frame, uint8 BGR, made small."""
    return jpeg_uri(cv2.resize(picture, (side, side), interpolation=cv2.INTER_AREA))  # type: ignore[arg-type]


def product_uri(image: Path, product_id: str) -> str:
    """Data URI of a shop image: as the network sees it, but on white.

    Raises:
        FeedError: the image cannot be read.
    """
    pixels = decode_image(read_image(image, product_id).data, product_id)
    # In OpenCV's order of colours again.
    return jpeg_uri(letterbox(pixels, IMAGE_SIDE, WHITE, antialias=True)[..., ::-1])


def jpeg_uri(picture: Picture) -> str:
    """Data URI of a picture, uint8 BGR [H, W, 3]."""
    _, data = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, QUALITY])
    return "data:image/jpeg;base64," + base64.b64encode(data.tobytes()).decode("ascii")
