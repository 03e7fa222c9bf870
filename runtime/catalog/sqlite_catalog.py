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
from runtime.catalog.catalog import (
    CatalogStats,
    FloatArray,
    Hit,
    Item,
    ItemVectors,
    PhotoVector,
)
from runtime.catalog.database import (
    database_errors,
    open_database,
    require_catalog,
    require_own_folder,
)
from runtime.catalog.image_store import ImageStore
from runtime.catalog.images import read_image
from runtime.catalog.lock import WriterLock
from runtime.catalog.publisher import PHOTO_PUBLISHER, Publisher, check_published
from runtime.catalog.raw import RawVectors
from runtime.catalog.search import best_rows
from runtime.catalog.snapshot import remove_all_but, write_snapshot
from runtime.catalog.staging import Staged, check_finite
from runtime.catalog.view import View, empty_view, load_view, read_view, view_to_replace
from runtime.errors import CatalogError
from runtime.lifecycle import Closable


class SqliteCatalog(Closable):
    """A catalog folder; make one with `open` or `build`.

    Reads come from one published snapshot held in memory and may be made on any thread; writes
    belong to one thread. The first write takes the folder's writer lock, `publish`, `rollback`
    and `close` give it back.

    What the network made of items and photos is kept apart from the snapshots, which hold what the
    publisher made of it. So photos can be added, and the publisher changed, without the feed.

    Args:
        folder: the catalog folder.
        bundle_digest: the bundle whose vectors it holds; None reads any and publishes none.
        connection: its database.
        view: what reads see at first.
        lock: its writer lock.
        publisher: makes the vectors of a snapshot.
    """

    def __init__(
        self,
        folder: Path,
        bundle_digest: str | None,
        connection: sqlite3.Connection,
        view: View,
        lock: WriterLock,
        publisher: Publisher,
    ) -> None:
        self.images = ImageStore(folder)
        self.raw = RawVectors(connection, folder)
        self.folder = folder
        self._bundle = bundle_digest
        self._connection = connection
        self._view = view
        self._lock = lock
        self._publisher = publisher
        self._staged = Staged()

    @classmethod
    def open(
        cls,
        folder: Path,
        bundle_digest: str | None = None,
        *,
        publisher: Publisher = PHOTO_PUBLISHER,
    ) -> SqliteCatalog:
        """Open a published catalog.

        Args:
            folder: the catalog folder; where it cannot be written it is only read.
            bundle_digest: the bundle that must have encoded it; None accepts any.
            publisher: makes the vectors of what `publish` writes.

        Raises:
            CatalogError: it is missing, damaged, never published, or of another bundle.
        """
        with ExitStack() as opened:
            connection = open_database(folder)
            opened.callback(connection.close)
            with database_errors(folder):
                view = read_view(connection, folder, bundle_digest)
            opened.pop_all()
        return cls(folder, bundle_digest, connection, view, WriterLock(folder), publisher)

    @classmethod
    def build(
        cls,
        folder: Path,
        bundle_digest: str,
        *,
        create: bool = True,
        publisher: Publisher = PHOTO_PUBLISHER,
    ) -> SqliteCatalog:
        """Open a catalog to replace what it publishes.

        Takes the writer lock. A live snapshot that is damaged or of another bundle counts as
        empty here, its photos apart, and stays live for everybody else until `publish`.

        Args:
            folder: the catalog folder.
            bundle_digest: the bundle that encodes what will be published.
            create: make the catalog where there is none.
            publisher: makes the vectors of what `publish` writes.

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
            with database_errors(folder):
                view = view_to_replace(connection, folder, bundle_digest)
            opened.pop_all()
        return cls(folder, bundle_digest, connection, view, lock, publisher)

    def refresh(self) -> bool:
        """Move to what another process has published; whether there was something new.

        Rows of earlier hits mean nothing afterwards, so call it between two searches.

        Raises:
            CatalogError: it is damaged or of another bundle; the old view stays.
        """
        with database_errors(self.folder):
            if record.live(self._connection) == self._view.published:
                return False
            self._view = read_view(self._connection, self.folder, self._bundle)
        return True

    def begin(self) -> None:
        """Take the writer lock and move to what is published; every write does it by itself.

        Raises:
            CatalogError: another writer is at work.
        """
        if self._lock.held:
            return
        with ExitStack() as taken:
            self._lock.acquire()
            taken.callback(self._lock.release)
            self.refresh()
            taken.pop_all()

    def upsert(self, items: Iterable[tuple[Item, ItemVectors]]) -> int:
        """Stage items; an image that is not in the catalog folder yet is copied there.

        Raises:
            CatalogError: the vectors are not finite, or another writer is at work.
        """
        self.begin()
        count = 0
        for item, vectors in items:
            check_finite(item.id, vectors.item, vectors.nodes)
            stored = replace(item, image=self._stored(item.image, item.id))
            self._staged.items[item.id] = (stored, vectors)
            count += 1
        return count

    def delete(self, ids: Iterable[str]) -> int:
        """Stage removals, photos included; returns how many of the ids existed."""
        self.begin()
        return sum(self._staged.delete(item_id, self._view) for item_id in ids)

    def enrol(self, item_id: str, photos: Iterable[tuple[Path, PhotoVector]]) -> int:
        """Stage photos; one that is not in the catalog folder yet is copied there.

        Raises:
            CatalogError: there is no such item, a vector is not finite, or another writer is at
                work.
        """
        self.begin()
        added: dict[Path, PhotoVector] = {}
        for path, photo in photos:
            check_finite(item_id, photo.vector)
            added[self._stored(path, path.name)] = photo
        return self._staged.enrol(item_id, added, self._view)

    def forget(self, item_id: str) -> int:
        """Stage the removal of all photos of an item; returns how many it had.

        Raises:
            CatalogError: there is no such item, or another writer is at work.
        """
        self.begin()
        return self._staged.forget(item_id, self._view)

    def publish(self) -> str:
        """Write a snapshot of published and staged items, then flip the live pointer.

        Raises:
            CatalogError: the vectors' shapes differ, or the network's answer to an item is lost.
            OSError: the disk is full; the old snapshot stays live and what is staged staged.
        """
        if self._bundle is None:
            raise ValueError("a catalog opened without a bundle cannot publish")
        self.begin()
        items, photos = self._staged.merged(self._view)
        self.raw.keep(self._staged, self._bundle)
        made = self._publisher.publish(items, *self.raw.gather(items, photos, self._bundle))
        check_published(made, len(items))
        self.images.sync()
        snapshot = write_snapshot(
            self.folder / "snapshots", [item.id for item in items], made.items, made.nodes
        )
        with database_errors(self.folder):
            record.add(self._connection, snapshot.name, self._bundle, items, photos)
            self._view = read_view(self._connection, self.folder, self._bundle)
        self._finish()
        return snapshot.name

    def rollback(self) -> str:
        """Make the snapshot before the live one live again and drop what is staged.

        Raises:
            CatalogError: there is none, it is damaged, or another bundle encoded it.
        """
        self.begin()
        with database_errors(self.folder):
            current = record.live(self._connection)
            target = record.before(self._connection, current.sequence) if current else None
            if target is None:
                raise CatalogError(
                    f"the catalog in {self.folder} cannot be rolled back",
                    why="there is no earlier snapshot",
                    fix=f"run: sgmn catalog import FEED --catalog {self.folder}",
                )
            if self._bundle not in (None, target.bundle):
                raise CatalogError(
                    f"the catalog in {self.folder} cannot be rolled back",
                    why=f"the snapshot before was built with another bundle, {target.bundle}",
                    fix="give that bundle with --bundle",
                )
            view = load_view(self._connection, self.folder, target)
            record.set_live(self._connection, target.sequence)
        self._view = view
        self._finish()
        return target.name

    @property
    def snapshot(self) -> str:
        """Name of the published snapshot that reads see."""
        return self._view.snapshot.name

    def search(self, query: FloatArray, k: int, prior: FloatArray | None = None) -> list[Hit]:
        """See `CatalogReader.search`."""
        if k < 1:
            raise ValueError(f"k is {k}, it must be at least 1")
        view = self._view
        if not view.items:
            return []
        scores = view.snapshot.columns.take(len(query)) @ query
        scores = scores if prior is None else scores + prior
        return [Hit(int(row), view.items[row], float(scores[row])) for row in best_rows(scores, k)]

    def scores(self, part: FloatArray, start: int) -> FloatArray:
        """See `CatalogReader.scores`."""
        view = self._view
        if not view.items:
            return np.zeros(0, np.float32)
        found: FloatArray = view.snapshot.items[:, start : start + len(part)] @ part
        return found

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

    def photos(self) -> dict[str, tuple[Path, ...]]:
        """The published photos of every item that has any, in order of their digests."""
        return dict(self._view.photos)

    def stats(self) -> CatalogStats:
        """Figures of the published snapshot and the size of the whole folder."""
        view = self._view
        bundle = view.published.bundle if view.published else self._bundle or ""
        photos = sum(map(len, view.photos.values()))
        size = _size(self.folder)
        return CatalogStats(len(view.items), view.snapshot.name, bundle, size, photos)

    def close(self) -> None:
        """Forget what is staged, give the lock back, close the database; legal in every state."""
        self._staged.clear()
        self._lock.release()
        self._view = empty_view()
        self._connection.close()

    def _finish(self) -> None:
        self._staged.clear()
        with database_errors(self.folder):
            snapshots, images = record.named_files(self._connection)
        remove_all_but(self.folder / "snapshots", snapshots)
        self.images.remove_all_but(images)
        self.raw.forget_unused()
        self._lock.release()

    def _stored(self, image: Path, name: str) -> Path:
        return image if self.images.holds(image) else self.images.add(read_image(image, name))


def _size(folder: Path) -> int:
    places = (Path(top) / name for top, _, names in os.walk(folder) for name in names)
    return sum(place.stat().st_size for place in places)
