"""Shop images: measured before they are decoded, and decoded strictly.

Pillow reads the header alone first, and unlike OpenCV it refuses a truncated file in every version.
"""

from __future__ import annotations

import hashlib
import io
import struct
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageOps, UnidentifiedImageError

from runtime.errors import FeedError

MAX_FILE_BYTES = 20_000_000
MAX_PIXELS = 80_000_000
"""8000 x 8000 passes; decoded it takes 192 MB."""

SUFFIXES = {"JPEG": ".jpg", "PNG": ".png", "WEBP": ".webp", "BMP": ".bmp", "GIF": ".gif"}
"""The kinds that are read."""

_REPLACE = "replace the image"


@dataclass(frozen=True)
class ShopImage:
    """An image file whose header has been checked.

    Attributes:
        data: its bytes.
        suffix: of its real kind, whatever its name said; what serves it goes by the suffix.
    """

    data: bytes
    suffix: str

    @property
    def digest(self) -> str:
        """The hex SHA-256 of its bytes, which names it in a catalog."""
        return hashlib.sha256(self.data).hexdigest()


def read_image(path: Path, name: str) -> ShopImage:
    """Read an image file and check its header; nothing is decoded.

    Args:
        path: the image file.
        name: what an error calls it.

    Raises:
        FeedError: the file is missing, cannot be read, is too large, empty, not an image, or has
            too many pixels.
    """
    if not path.is_file():  # nor a pipe, which would be waited for
        raise FeedError(f"{name} cannot be read", why="there is no such file", fix=_REPLACE)
    try:
        with path.open("rb") as source:
            data = source.read(MAX_FILE_BYTES + 1)
    except OSError as error:
        why = error.strerror or str(error)
        raise FeedError(f"{name} cannot be read", why=why, fix=_REPLACE) from error
    if len(data) > MAX_FILE_BYTES:
        why = f"the file is larger than {MAX_FILE_BYTES // 1_000_000} MB"
        raise FeedError(f"{name} cannot be used", why=why, fix="give a smaller image")
    with _opened(data, name) as image:
        return ShopImage(data, SUFFIXES[image.format or ""])


def decode_image(data: bytes, name: str) -> npt.NDArray[np.uint8]:
    """Decode an image as a shopper sees it: upright, on white, in colour.

    Args:
        data: the bytes of an image file.
        name: what an error calls it.

    Returns:
        uint8 [H, W, 3], BGR.

    Raises:
        FeedError: it is broken, truncated, of an unknown kind, or has too many pixels.
    """
    with _opened(data, name) as image:
        image.load()
        upright = ImageOps.exif_transpose(image)
        return np.ascontiguousarray(np.asarray(_flattened(upright))[..., ::-1])


@contextmanager
def _opened(data: bytes, name: str) -> Iterator[Image.Image]:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            # Damaged metadata in an image whose pixels are sound is the shop's own affair.
            warnings.filterwarnings("ignore", category=UserWarning)
            with Image.open(io.BytesIO(data), formats=tuple(SUFFIXES)) as image:
                _check_pixels(image, name)
                yield image
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise _too_many_pixels(name, "it may be a decompression bomb") from error
    except UnidentifiedImageError as error:
        why = "the file is empty" if not data else f"it is none of {', '.join(SUFFIXES)}"
        raise FeedError(f"{name} is not an image", why=why, fix=_REPLACE) from error
    # Pillow's decoders report damage with all of these.
    except (OSError, SyntaxError, ValueError, EOFError, OverflowError, struct.error) as error:
        raise FeedError(f"{name} is broken", why=str(error), fix=_REPLACE) from error


def _check_pixels(image: Image.Image, name: str) -> None:
    width, height = image.size
    if width * height > MAX_PIXELS:
        raise _too_many_pixels(name, f"it has {width} x {height} pixels")


def _too_many_pixels(name: str, why: str) -> FeedError:
    limit = f"more than {MAX_PIXELS // 1_000_000} million pixels are not decoded"
    return FeedError(f"{name} is too large", why=f"{why}; {limit}", fix="give a smaller image")


def _flattened(image: Image.Image) -> Image.Image:
    if image.mode.startswith("I"):
        # 16-bit grey: the high byte. Pillow's own conversion would clip instead.
        return Image.fromarray((np.asarray(image) >> 8).astype(np.uint8)).convert("RGB")
    if image.has_transparency_data:
        shown = image.convert("RGBA")
        white = Image.new("RGBA", shown.size, "white")
        return Image.alpha_composite(white, shown).convert("RGB")
    return image.convert("RGB")
