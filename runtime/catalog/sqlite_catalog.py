"""The catalog on the device: SQLite is the record, vectors are memory-mapped snapshots."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import numpy as np

from runtime.catalog import record
from runtime.catalog.catalog import CatalogStats, FloatArray, Hit, Item, ItemVectors
from runtime.catalog.database import (
    database_errors,
    open_database,
    require_catalog,
    require_own_folder,
)
from runtime.catalog.encoded import EncodedCache
from runtime.catalog.image_store import ImageStore
from runtime.catalog.images import read_image
from runtime.catalog.lock import WriterLock
from runtime.catalog.search import best_rows
from runtime.catalog.snapshot import remove_all_but, write_snapshot
from runtime.catalog.staging import Staged, check_finite, merged, stacked
from runtime.catalog.view import View, empty_view, load_view, read_view
from runtime.errors import CatalogError
from runtime.lifecycle import Closable


class SqliteCatalog(Closable):
    """A catalog folder; make one with `open` or `build`.

    Reads come from one published snapshot held in memory and may be made on any thread; writes
    belong to one thread. The first write takes the folder's writer lock, `publish`, `rollback`
    and `close` give it back.

    Args:
        folder: the catalog folder.
        bundle_digest: the bundle whose vectors it holds; None reads any and publishes none.
        connection: its database.
        view: what reads see at first.
        lock: its writer lock.
    """

    def __init__(
        self,
        folder: Path,
        bundle_digest: str | None,
        connection: sqlite3.Connection,
        view: View,
        lock: WriterLock,
    ) -> None:
        self.images = ImageStore(folder)
        self.encoded = EncodedCache(connection, folder)
        self._folder = folder
        self._bundle = bundle_digest
        self._connection = connection
        self._view = view
        self._lock = lock
        self._staged: Staged = {}

    @classmethod
    def open(cls, folder: Path, bundle_digest: str | None = None) -> SqliteCatalog:
        """Open a published catalog.

        Args:
            folder: the catalog folder; where it cannot be written it is only read.
            bundle_digest: the bundle that must have encoded it; None accepts any.

        Raises:
            CatalogError: it is missing, damaged, never published, or of another bundle.
        """
        with ExitStack() as opened:
            connection = open_database(folder)
            opened.callback(connection.close)
            with database_errors(folder):
                view = read_view(connection, folder, bundle_digest)
            opened.pop_all()
        return cls(folder, bundle_digest, connection, view, WriterLock(folder))

    @classmethod
    def build(cls, folder: Path, bundle_digest: str, *, create: bool = True) -> SqliteCatalog:
        """Open a catalog to replace what it publishes.

        Takes the writer lock. A live snapshot that is damaged or of another bundle counts as
        empty here and stays live for everybody else until `publish`.

        Args:
            folder: the catalog folder.
            bundle_digest: the bundle that encodes what will be published.
            create: make the catalog where there is none.

        Raises:
            CatalogError: another writer is at work, the database is damaged or too new, or the
                folder holds other things.
        """
        if folder.exists() and not folder.is_dir():
            raise CatalogError(
                f"{folder} is not a folder",
                why="a catalog is a folder of files",
                fix="name another place with --catalog",
            )
        if create:
            folder.mkdir(parents=True, exist_ok=True)
            require_own_folder(folder)
        else:
            require_catalog(folder)
        lock = WriterLock(folder)
        lock.acquire()
        with ExitStack() as opened:
            opened.callback(lock.release)
            connection = open_database(folder, create=True)
            opened.callback(connection.close)
            view = _view_or_empty(connection, folder, bundle_digest)
            opened.pop_all()
        return cls(folder, bundle_digest, connection, view, lock)

    def refresh(self) -> bool:
        """Move to what another process has published; whether there was something new.

        Rows of earlier hits mean nothing afterwards, so call it between two searches.

        Raises:
            CatalogError: it is damaged or of another bundle; the old view stays.
        """
        with database_errors(self._folder):
            if record.live(self._connection) == self._view.published:
                return False
            self._view = read_view(self._connection, self._folder, self._bundle)
        return True

    def upsert(self, items: Iterable[tuple[Item, ItemVectors]]) -> int:
        """Stage items; an image that is not in the catalog folder yet is copied there.

        Raises:
            CatalogError: the vectors are not finite, or another writer is at work.
        """
        self._begin()
        count = 0
        for item, vectors in items:
            check_finite(item, vectors)
            self._staged[item.id] = (self._with_stored_image(item), vectors)
            count += 1
        return count

    def delete(self, ids: Iterable[str]) -> int:
        """Stage removals; returns how many of the ids existed."""
        self._begin()
        count = 0
        for item_id in ids:
            published = item_id in self._view.rows
            if item_id in self._staged:
                count += self._staged.pop(item_id) is not None
            else:
                count += published
            if published:
                self._staged[item_id] = None
        return count

    def publish(self) -> str:
        """Write a snapshot of published and staged items, then flip the live pointer.

        Raises:
            CatalogError: the vectors' shapes differ from item to item.
            OSError: the disk is full; the old snapshot stays live and the staged items staged.
        """
        if self._bundle is None:
            raise ValueError("a catalog opened without a bundle cannot publish")
        self._begin()
        items, vectors = merged(self._view, self._staged)
        self.images.sync()
        snapshot = write_snapshot(
            self._folder / "snapshots", [item.id for item in items], *stacked(vectors)
        )
        with database_errors(self._folder):
            record.add(self._connection, snapshot.name, self._bundle, items)
            self._view = read_view(self._connection, self._folder, self._bundle)
        self._finish()
        return snapshot.name

    def rollback(self) -> str:
        """Make the snapshot before the live one live again and drop what is staged.

        Raises:
            CatalogError: there is none, it is damaged, or another bundle encoded it.
        """
        self._begin()
        with database_errors(self._folder):
            current = record.live(self._connection)
            target = record.before(self._connection, current.sequence) if current else None
            if target is None:
                raise CatalogError(
                    f"the catalog in {self._folder} cannot be rolled back",
                    why="there is no earlier snapshot",
                    fix=f"run: sgmn catalog import FEED --catalog {self._folder}",
                )
            if self._bundle not in (None, target.bundle):
                raise CatalogError(
                    f"the catalog in {self._folder} cannot be rolled back",
                    why=f"the snapshot before was built with another bundle, {target.bundle}",
                    fix="give that bundle with --bundle",
                )
            view = load_view(self._connection, self._folder, target)
            record.set_live(self._connection, target.sequence)
        self._view = view
        self._finish()
        return target.name

    def search(self, query: FloatArray, k: int) -> list[Hit]:
        """The k items of highest inner product with the query, float32 [V]; k is at least 1."""
        if k < 1:
            raise ValueError(f"k is {k}, it must be at least 1")
        view = self._view
        if not view.items:
            return []
        scores = view.snapshot.items @ query
        return [Hit(int(row), view.items[row], float(scores[row])) for row in best_rows(scores, k)]

    def vectors(self, rows: Sequence[int]) -> tuple[FloatArray, FloatArray]:
        """Item vectors [K, V] and nodes [K, M, G] of snapshot rows, copied, in the order asked."""
        snapshot, wanted = self._view.snapshot, np.asarray(rows, np.intp)
        return np.asarray(snapshot.items[wanted]), np.asarray(snapshot.nodes[wanted])

    def get(self, item_id: str) -> Item | None:
        """The published item, or None."""
        view = self._view
        row = view.rows.get(item_id)
        return None if row is None else view.items[row]

    def items(self) -> list[Item]:
        """All published items in order of id."""
        return list(self._view.items)

    def stats(self) -> CatalogStats:
        """Figures of the published snapshot and the size of the whole folder."""
        view = self._view
        bundle = view.published.bundle if view.published else self._bundle or ""
        return CatalogStats(len(view.items), view.snapshot.name, bundle, _size(self._folder))

    def close(self) -> None:
        """Forget what is staged, give the lock back, close the database; legal in every state."""
        self._staged.clear()
        self._lock.release()
        self._view = empty_view()
        self._connection.close()

    def _begin(self) -> None:
        if self._lock.held:
            return
        with ExitStack() as taken:
            self._lock.acquire()
            taken.callback(self._lock.release)
            self.refresh()
            taken.pop_all()

    def _finish(self) -> None:
        self._staged.clear()
        with database_errors(self._folder):
            snapshots, images = record.named_files(self._connection)
        remove_all_but(self._folder / "snapshots", snapshots)
        self.images.remove_all_but(images)
        self._lock.release()

    def _with_stored_image(self, item: Item) -> Item:
        if self.images.holds(item.image):
            return item
        return replace(item, image=self.images.add(read_image(item.image, item.id)))


def _view_or_empty(connection: sqlite3.Connection, folder: Path, bundle_digest: str) -> View:
    with database_errors(folder):
        try:
            return read_view(connection, folder, bundle_digest)
        except CatalogError:
            return empty_view()


def _size(folder: Path) -> int:
    places = (Path(top) / name for top, _, names in os.walk(folder) for name in names)
    return sum(place.stat().st_size for place in places)
