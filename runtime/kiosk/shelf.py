"""The titles and shop images that the page may show, found by product id and by nothing else."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from runtime.catalog.catalog import Catalog

_HEAD_BYTES = 12


@dataclass(frozen=True)
class ShelfImage:
    """A shop image on disk and its media type, as its first bytes tell."""

    path: Path
    media_type: str


class Shelf:
    """A catalog as the page sees it; empty until there is one, so that the page can come first."""

    def __init__(self) -> None:
        self._catalog: Catalog | None = None

    def fill(self, catalog: Catalog) -> None:
        """Show this catalog; its images must be absolute paths."""
        self._catalog = catalog

    def title(self, product_id: str | None) -> str:
        """The catalog's title, empty for None and unknown ids."""
        if self._catalog is None or product_id is None:
            return ""
        item = self._catalog.get(product_id)
        return item.title if item else ""

    def image(self, product_id: str) -> ShelfImage | None:
        """The shop image, or None: no such product, no such file, or not a picture."""
        item = self._catalog.get(product_id) if self._catalog else None
        if item is None:
            return None
        try:
            with item.image.open("rb") as file:
                media_type = _media_type(file.read(_HEAD_BYTES))
        except OSError:
            return None
        return ShelfImage(item.image, media_type) if media_type else None


def _media_type(head: bytes) -> str | None:
    """Only pictures that cannot carry a script: no SVG, whatever its name says."""
    if head.startswith(b"\xff\xd8\xff"):
        return "image/jpeg"
    if head.startswith(b"\x89PNG\r\n\x1a\n"):
        return "image/png"
    if head.startswith(b"RIFF") and head[8:12] == b"WEBP":
        return "image/webp"
    if head.startswith((b"GIF87a", b"GIF89a")):
        return "image/gif"
    return None
