"""Vectors by content: what was encoded once is not encoded again.

They are the network's own answers. What a publisher makes of them stands in the snapshots.
"""

from __future__ import annotations

import hashlib
import json
import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from runtime.catalog.catalog import FloatArray, ItemVectors, PhotoVector
from runtime.catalog.database import database_errors, transaction


def content_key(image: str, title: str, description: str, bundle_digest: str) -> str:
    """Names all that an item's vectors depend on.

    Args:
        image: the digest of the image's bytes, which is the stem of its name in the image store.
        title: the item's.
        description: the item's.
        bundle_digest: of the network.
    """
    return _key([image, title, description, bundle_digest])


def photo_key(image: str, bundle_digest: str) -> str:
    """Names all that a photo's vector depends on: the digest of its bytes, and the network."""
    return _key([image, bundle_digest])


class _Cache:
    """A table of vectors by content.

    Args:
        connection: the catalog's database.
        folder: the catalog folder, for errors.
    """

    _table: ClassVar[str]
    _columns: ClassVar[tuple[str, ...]]

    def __init__(self, connection: sqlite3.Connection, folder: Path) -> None:
        self._connection = connection
        self._folder = folder

    def missing(self, keys: Iterable[str]) -> set[str]:
        """Those of the keys that were never encoded."""
        with database_errors(self._folder):
            return set(keys) - self._known()

    def keep_only(self, keys: set[str]) -> None:
        """Forget all other contents."""
        with database_errors(self._folder), transaction(self._connection):
            gone = [(key,) for key in self._known() - keys]
            self._connection.executemany(f"DELETE FROM {self._table} WHERE content = ?", gone)

    def _known(self) -> set[str]:
        return {key for (key,) in self._connection.execute(f"SELECT content FROM {self._table}")}

    def _row(self, key: str) -> tuple[Any, ...] | None:
        names = ", ".join(self._columns)
        query = f"SELECT {names} FROM {self._table} WHERE content = ?"
        with database_errors(self._folder):
            row: tuple[Any, ...] | None = self._connection.execute(query, (key,)).fetchone()
        return row

    def _put(self, rows: Sequence[tuple[Any, ...]]) -> None:
        changed = [row for row in rows if self._row(row[0]) != row[1:]]
        if not changed:
            return
        marks = ", ".join("?" * (1 + len(self._columns)))
        with database_errors(self._folder), transaction(self._connection):
            self._connection.executemany(
                f"INSERT OR REPLACE INTO {self._table} VALUES ({marks})", changed
            )


class EncodedCache(_Cache):
    """The vectors of items, as the network gave them."""

    _table = "encoded"
    _columns = ("item", "nodes", "node_count")

    def get(self, key: str) -> ItemVectors | None:
        """The vectors of a content, or None where it was never encoded."""
        row = self._row(key)
        if row is None:
            return None
        item, nodes, count = row
        return ItemVectors(_floats(item), _floats(nodes).reshape(count, -1))

    def put(self, vectors: Mapping[str, ItemVectors]) -> None:
        """Keep vectors by content key; they are on the disk when this returns."""
        self._put(
            [(key, _bytes(v.item), _bytes(v.nodes), len(v.nodes)) for key, v in vectors.items()]
        )


class PhotoCache(_Cache):
    """The vectors of photos, as the network gave them."""

    _table = "encoded_photos"
    _columns = ("vector",)

    def get(self, key: str) -> PhotoVector | None:
        """The vector of a photo, or None where it was never encoded."""
        row = self._row(key)
        return None if row is None else PhotoVector(_floats(row[0]))

    def put(self, vectors: Mapping[str, PhotoVector]) -> None:
        """Keep vectors by photo key; they are on the disk when this returns."""
        self._put([(key, _bytes(photo.vector)) for key, photo in vectors.items()])


def _key(content: list[str]) -> str:
    return hashlib.sha256(json.dumps(content).encode()).hexdigest()


def _floats(data: bytes) -> FloatArray:
    return np.frombuffer(data, "<f4")


def _bytes(values: FloatArray) -> bytes:
    return np.ascontiguousarray(values, "<f4").tobytes()
