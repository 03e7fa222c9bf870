"""Copies of the shop images, named by their content, so that the feed may go away."""

from __future__ import annotations

from pathlib import Path

from runtime.bundle.files import replace_file, sync
from runtime.catalog.images import ShopImage


class ImageStore:
    """Images under ``images/`` of a catalog folder.

    Args:
        folder: the catalog folder.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder / "images"

    def add(self, image: ShopImage) -> Path:
        """Store an image once; returns where it lies. Durable after `sync`."""
        place = self._folder / (image.digest + image.suffix)
        # A whole file of this name was renamed into place, so its size alone proves it.
        if not place.is_file() or place.stat().st_size != len(image.data):
            self._folder.mkdir(exist_ok=True)
            replace_file(place, image.data)
        return place

    def sync(self) -> None:
        """Wait until all stored images are on the disk."""
        if self._folder.is_dir():
            sync(self._folder)

    def holds(self, image: Path) -> bool:
        """Whether a path is one of the stored images."""
        return image.parent == self._folder

    def remove_all_but(self, names: set[str]) -> None:
        """Delete images that no snapshot shows."""
        if self._folder.is_dir():
            for place in self._folder.iterdir():
                if place.name not in names:
                    place.unlink(missing_ok=True)
