"""What readers of the catalog see: one published snapshot with its products."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from runtime.catalog import record
from runtime.catalog.catalog import Item
from runtime.catalog.record import Photos, Published
from runtime.catalog.snapshot import Snapshot, open_snapshot
from runtime.errors import CatalogError


@dataclass(frozen=True)
class View:
    """Immutable, so that a reader on another thread never sees half of two snapshots.

    Attributes:
        published: the live snapshot's entry in the record; None before the first.
        items: products in order of id, which is the order of the snapshot's rows.
        snapshot: their vectors.
        rows: from id to row.
        photos: those added to items.
    """

    published: Published | None
    items: tuple[Item, ...]
    snapshot: Snapshot
    rows: dict[str, int]
    photos: Photos = field(default_factory=dict)


def empty_view() -> View:
    """The view of a catalog that has nothing usable yet."""
    vectors = np.zeros((0, 0), np.float32), np.zeros((0, 0, 0), np.float32)
    return View(None, (), Snapshot("", (), *vectors), {})


def view_to_replace(connection: sqlite3.Connection, folder: Path, bundle_digest: str) -> View:
    """Load the live snapshot; one that is damaged or of another bundle counts as empty.

    Its photos are there in any case, because no feed holds them.
    """
    try:
        return read_view(connection, folder, bundle_digest)
    except CatalogError:
        published = record.live(connection)
        if published is None:
            return empty_view()
        photos = record.read_photos(connection, published.sequence, folder / "images")
        return replace(empty_view(), photos=photos)


def read_view(connection: sqlite3.Connection, folder: Path, bundle_digest: str | None) -> View:
    """Load the live snapshot.

    Args:
        connection: the catalog's database.
        folder: the catalog folder.
        bundle_digest: the bundle that must have encoded it; None accepts any.

    Raises:
        CatalogError: there is none, it is damaged, or another bundle encoded it.
    """
    published = record.live(connection)
    if published is None:
        raise CatalogError(
            f"the catalog in {folder} is empty",
            why="no import has been completed",
            fix=f"run: sgmn catalog import FEED --catalog {folder}",
        )
    if bundle_digest is not None and published.bundle != bundle_digest:
        raise CatalogError(
            f"the catalog in {folder} was built with another bundle",
            why=f"its bundle is {published.bundle}, this one is {bundle_digest}",
            fix=f"run: sgmn catalog import FEED --catalog {folder} --bundle BUNDLE",
        )
    return load_view(connection, folder, published)


def load_view(connection: sqlite3.Connection, folder: Path, published: Published) -> View:
    """Load any recorded snapshot.

    Raises:
        CatalogError: its files are missing or damaged.
    """
    snapshot = open_snapshot(folder / "snapshots", published.name)
    items = record.read_items(connection, published.sequence, folder / "images")
    if tuple(item.id for item in items) != snapshot.ids:
        raise CatalogError(
            f"the catalog in {folder} is damaged",
            why="the record and the vectors do not name the same products",
            fix=f"run: sgmn catalog import FEED --catalog {folder}",
        )
    rows = {item.id: row for row, item in enumerate(items)}
    photos = record.read_photos(connection, published.sequence, folder / "images")
    return View(published, items, snapshot, rows, photos)
