"""The rows of the catalog's database: which snapshots there are, which is live, what is in them."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from runtime.catalog.catalog import Item
from runtime.catalog.database import transaction
from runtime.catalog.encoded import content_key, photo_key

Photos = Mapping[str, tuple[Path, ...]]
"""By id of the item: its photos in order of their names, which are digests."""

KEPT = 3
"""Snapshots that stay on the disk, the live one included."""


@dataclass(frozen=True)
class Published:
    """A row of the snapshots: its place in history, its name, and the bundle that encoded it."""

    sequence: int
    name: str
    bundle: str


def live(connection: sqlite3.Connection) -> Published | None:
    """The published snapshot."""
    query = "SELECT sequence, name, bundle FROM snapshots JOIN live USING (sequence)"
    return _published(connection.execute(query).fetchone())


def before(connection: sqlite3.Connection, sequence: int) -> Published | None:
    """The snapshot published before another."""
    query = """SELECT sequence, name, bundle FROM snapshots
               WHERE sequence < ? ORDER BY sequence DESC LIMIT 1"""
    return _published(connection.execute(query, (sequence,)).fetchone())


def set_live(connection: sqlite3.Connection, sequence: int) -> None:
    """Flip the pointer."""
    connection.execute("INSERT OR REPLACE INTO live VALUES (1, ?)", (sequence,))


def add(
    connection: sqlite3.Connection, name: str, bundle: str, items: Sequence[Item], photos: Photos
) -> None:
    """Record a snapshot that is on the disk and make it live, in one transaction.

    What was rolled back leaves history, so that the next rollback does not return to it.
    """
    with transaction(connection):
        current = live(connection)
        cursor = connection.execute(
            "INSERT INTO snapshots (name, bundle, items) VALUES (?, ?, ?)",
            (name, bundle, len(items)),
        )
        sequence = int(cursor.lastrowid or 0)
        connection.executemany(
            "INSERT INTO items VALUES (?, ?, ?, ?, ?, ?, ?)",
            [_row(sequence, item) for item in items],
        )
        connection.executemany(
            "INSERT INTO photos VALUES (?, ?, ?)",
            [(sequence, owner, path.name) for owner, paths in photos.items() for path in paths],
        )
        set_live(connection, sequence)
        connection.execute(
            "DELETE FROM snapshots WHERE sequence > ? AND sequence < ?",
            (current.sequence if current else 0, sequence),
        )
        connection.execute(
            """DELETE FROM snapshots WHERE sequence NOT IN
               (SELECT sequence FROM snapshots ORDER BY sequence DESC LIMIT ?)""",
            (KEPT,),
        )


def read_items(connection: sqlite3.Connection, sequence: int, images: Path) -> tuple[Item, ...]:
    """All items of a snapshot in order of id, their images as paths under ``images``."""
    rows = connection.execute(
        """SELECT id, title, description, image, item_group, attributes FROM items
           WHERE sequence = ?""",
        (sequence,),
    )
    items = [
        Item(item_id, title, description, images / image, group, json.loads(attributes))
        for item_id, title, description, image, group, attributes in rows
    ]
    return tuple(sorted(items, key=lambda item: item.id))


def read_photos(
    connection: sqlite3.Connection, sequence: int, images: Path
) -> dict[str, tuple[Path, ...]]:
    """The photos of a snapshot's items as paths under ``images``."""
    rows = connection.execute(
        "SELECT id, image FROM photos WHERE sequence = ? ORDER BY id, image", (sequence,)
    )
    found: dict[str, list[Path]] = {}
    for item_id, image in rows:
        found.setdefault(item_id, []).append(images / image)
    return {item_id: tuple(paths) for item_id, paths in found.items()}


def named_files(connection: sqlite3.Connection) -> tuple[set[str], set[str]]:
    """Names of all snapshots, and of all images and photos that the record still needs."""
    snapshots = connection.execute("SELECT name FROM snapshots")
    images = connection.execute("SELECT image FROM items UNION SELECT image FROM photos")
    return {name for (name,) in snapshots}, {image for (image,) in images}


def named_contents(connection: sqlite3.Connection) -> tuple[set[str], set[str]]:
    """Keys of all items' and all photos' vectors that the record still needs."""
    items = connection.execute(
        """SELECT DISTINCT image, title, description, bundle
           FROM items JOIN snapshots USING (sequence)"""
    )
    photos = connection.execute(
        "SELECT DISTINCT image, bundle FROM photos JOIN snapshots USING (sequence)"
    )
    return (
        {content_key(Path(image).stem, *rest) for image, *rest in items},
        {photo_key(Path(image).stem, bundle) for image, bundle in photos},
    )


def _published(row: tuple[int, str, str] | None) -> Published | None:
    return Published(*row) if row else None


def _row(sequence: int, item: Item) -> tuple[Any, ...]:
    attributes = json.dumps(item.attributes, sort_keys=True)
    texts = (item.id, item.title, item.description, item.image.name, item.group, attributes)
    return (sequence, *texts)
