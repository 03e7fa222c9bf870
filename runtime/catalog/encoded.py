"""Vectors by content: what was encoded once is not encoded again."""

from __future__ import annotations

import hashlib
import json
import sqlite3
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from runtime.catalog.catalog import Item, ItemVectors
from runtime.catalog.database import database_errors, transaction


def content_key(item: Item, bundle_digest: str) -> str:
    """Names all that an item's vectors depend on: image, texts and network.

    Args:
        item: its image is one of the image store, whose name is the digest of its bytes.
        bundle_digest: of the network.
    """
    content = [item.image.stem, item.title, item.description, bundle_digest]
    return hashlib.sha256(json.dumps(content).encode()).hexdigest()


class EncodedCache:
    """The table of vectors that imports have computed so far.

    Args:
        connection: the catalog's database.
        folder: the catalog folder, for errors.
    """

    def __init__(self, connection: sqlite3.Connection, folder: Path) -> None:
        self._connection = connection
        self._folder = folder

    def get(self, key: str) -> ItemVectors | None:
        """The vectors of a content, or None where it was never encoded."""
        with database_errors(self._folder):
            row = self._connection.execute(
                "SELECT item, nodes, node_count FROM encoded WHERE content = ?", (key,)
            ).fetchone()
        if row is None:
            return None
        item, nodes, count = row
        return ItemVectors(
            np.frombuffer(item, "<f4"), np.frombuffer(nodes, "<f4").reshape(count, -1)
        )

    def put(self, vectors: Mapping[str, ItemVectors]) -> None:
        """Keep vectors by content key; they are on the disk when this returns."""
        rows = [(key, _bytes(v.item), _bytes(v.nodes), len(v.nodes)) for key, v in vectors.items()]
        with database_errors(self._folder), transaction(self._connection):
            self._connection.executemany("INSERT OR REPLACE INTO encoded VALUES (?, ?, ?, ?)", rows)

    def keep_only(self, keys: set[str]) -> None:
        """Forget all other contents."""
        with database_errors(self._folder), transaction(self._connection):
            known = {key for (key,) in self._connection.execute("SELECT content FROM encoded")}
            gone = [(key,) for key in known - keys]
            self._connection.executemany("DELETE FROM encoded WHERE content = ?", gone)


def _bytes(values: np.typing.NDArray[np.float32]) -> bytes:
    return np.ascontiguousarray(values, "<f4").tobytes()
