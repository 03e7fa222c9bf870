"""What the network made of items and photos, before a publisher made something of it."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from runtime.catalog import record
from runtime.catalog.catalog import FloatArray, Item, ItemVectors
from runtime.catalog.database import database_errors
from runtime.catalog.encoded import EncodedCache, PhotoCache, content_key, photo_key
from runtime.catalog.record import Photos
from runtime.catalog.staging import Staged
from runtime.errors import CatalogError


class RawVectors:
    """The network's own answers, kept so that a catalog can be published again without a feed.

    Args:
        connection: the catalog's database.
        folder: the catalog folder.
    """

    def __init__(self, connection: sqlite3.Connection, folder: Path) -> None:
        self.items = EncodedCache(connection, folder)
        self.photos = PhotoCache(connection, folder)
        self._connection = connection
        self._folder = folder

    def keep(self, staged: Staged, bundle: str) -> None:
        """Keep the vectors of all that is staged; they are on the disk when this returns."""
        pairs = [pair for pair in staged.items.values() if pair]
        self.items.put({item_key(item, bundle): vectors for item, vectors in pairs})
        photos = staged.vectors.items()
        self.photos.put({photo_key(path.stem, bundle): photo for path, photo in photos})

    def gather(
        self, items: Sequence[Item], photos: Photos, bundle: str
    ) -> tuple[list[ItemVectors], dict[str, FloatArray]]:
        """The vectors of items and, by id, of their photos: float32 [n, visual].

        Raises:
            CatalogError: some are not kept, or do not fit together.
        """
        vectors = [self._of_item(item, bundle) for item in items]
        seen = {
            item_id: [self._of_photo(path, bundle) for path in paths]
            for item_id, paths in photos.items()
        }
        _check_shapes(vectors, [row for rows in seen.values() for row in rows])
        return vectors, {item_id: np.stack(rows) for item_id, rows in seen.items()}

    def forget_unused(self) -> None:
        """Forget what no recorded snapshot needs."""
        with database_errors(self._folder):
            items, photos = record.named_contents(self._connection)
        self.items.keep_only(items)
        self.photos.keep_only(photos)

    def _of_item(self, item: Item, bundle: str) -> ItemVectors:
        vectors = self.items.get(item_key(item, bundle))
        if vectors is None:
            raise self._lost(f"the product {item.id}")
        return vectors

    def _of_photo(self, path: Path, bundle: str) -> FloatArray:
        photo = self.photos.get(photo_key(path.stem, bundle))
        if photo is None:
            raise self._lost(f"the photo {path.name}")
        return photo.vector

    def _lost(self, what: str) -> CatalogError:
        return CatalogError(
            f"the catalog in {self._folder} cannot be published again",
            why=f"it does not hold what the network made of {what}",
            fix=f"run: sgmn catalog import FEED --catalog {self._folder}",
        )


def item_key(item: Item, bundle: str) -> str:
    """The key of an item's content; its image is one of the image store."""
    return content_key(item.image.stem, item.title, item.description, bundle)


def _check_shapes(vectors: Sequence[ItemVectors], photos: Sequence[FloatArray]) -> None:
    """Refuse vectors whose shapes differ, and photos that leave no place for an item's bias."""
    shapes = {(v.item.shape, v.nodes.shape) for v in vectors}
    visual = {len(photo) for photo in photos}
    if len(shapes) > 1 or len(visual) > 1 or any(size >= len(vectors[0].item) for size in visual):
        raise CatalogError(
            "the products' vectors do not fit together",
            why="their shapes differ",
            fix="import the whole feed again with one bundle",
        )
