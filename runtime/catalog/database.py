"""The catalog's SQLite file: opened durable, migrated, its errors made clear."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

from runtime.catalog.lock import LOCK
from runtime.errors import CatalogError, StorageError

DATABASE = "catalog.db"

MIGRATIONS = (
    """
    CREATE TABLE snapshots (
        sequence INTEGER PRIMARY KEY AUTOINCREMENT,
        name TEXT NOT NULL,
        bundle TEXT NOT NULL,
        created TEXT NOT NULL DEFAULT CURRENT_TIMESTAMP,
        items INTEGER NOT NULL
    );
    CREATE TABLE live (
        only INTEGER PRIMARY KEY CHECK (only = 1),
        sequence INTEGER NOT NULL REFERENCES snapshots
    );
    CREATE TABLE items (
        sequence INTEGER NOT NULL REFERENCES snapshots ON DELETE CASCADE,
        id TEXT NOT NULL,
        title TEXT NOT NULL,
        description TEXT NOT NULL,
        image TEXT NOT NULL,
        item_group TEXT NOT NULL,
        attributes TEXT NOT NULL,
        PRIMARY KEY (sequence, id)
    ) WITHOUT ROWID;
    CREATE TABLE encoded (
        content TEXT PRIMARY KEY,
        item BLOB NOT NULL,
        nodes BLOB NOT NULL,
        node_count INTEGER NOT NULL
    );
    """,
    """
    CREATE TABLE photos (
        sequence INTEGER NOT NULL REFERENCES snapshots ON DELETE CASCADE,
        id TEXT NOT NULL,
        image TEXT NOT NULL,
        PRIMARY KEY (sequence, id, image)
    ) WITHOUT ROWID;
    CREATE TABLE encoded_photos (
        content TEXT PRIMARY KEY,
        vector BLOB NOT NULL
    );
    """,
)
"""Entry n brings a file from ``user_version`` n to n + 1."""


def open_database(folder: Path, *, create: bool = False) -> sqlite3.Connection:
    """Open the catalog's database and bring its tables up to date.

    A folder that cannot be written is opened for reading alone.

    Args:
        folder: the catalog folder.
        create: make the file where there is none.

    Raises:
        CatalogError: it is missing, damaged or newer than this program.
        StorageError: the disk is full.
    """
    if not create:
        require_catalog(folder)
    with database_errors(folder):
        # Any thread may close it; the catalog lets one writer in at a time.
        connection = sqlite3.connect(
            _address(folder / DATABASE), uri=True, isolation_level=None, check_same_thread=False
        )
        try:
            _prepare(connection, folder)
        except BaseException:
            connection.close()
            raise
    return connection


def require_own_folder(folder: Path) -> None:
    """See that a folder for a new catalog holds nothing else.

    A catalog deletes what it does not know in its folders, and breaks a bundle that it lies in.

    Raises:
        CatalogError: the folder has files and is no catalog, nor was to become one.
    """
    if any((folder / name).exists() for name in (DATABASE, LOCK)):
        return
    if other := next(folder.iterdir(), None):
        raise CatalogError(
            f"{folder} is not a catalog and not empty",
            why=f"it holds {other.name}; a catalog has its folder for itself",
            fix=f"name another folder, such as {folder / 'catalog'}",
        )


def require_catalog(folder: Path) -> None:
    """Check that a folder holds a catalog.

    Raises:
        CatalogError: it does not.
    """
    if not (folder / DATABASE).is_file():
        raise CatalogError(
            f"there is no catalog in {folder}",
            why=f"{folder / DATABASE} does not exist",
            fix=f"run: sgmn catalog import FEED --catalog {folder}",
        )


@contextmanager
def transaction(connection: sqlite3.Connection) -> Iterator[None]:
    """All statements of the block or none."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


@contextmanager
def database_errors(folder: Path) -> Iterator[None]:
    """Turn SQLite's errors into this program's.

    Raises:
        StorageError: the disk is full or the folder cannot be written.
        CatalogError: the database is damaged or in use.
    """
    try:
        yield
    except sqlite3.ProgrammingError:
        # A fault of this program, not of the folder.
        raise
    except sqlite3.Error as error:
        # By text: Python 3.10 does not give SQLite's error codes.
        text = str(error)
        if "full" in text or "readonly" in text or "disk I/O" in text or "unable to open" in text:
            raise StorageError(
                f"cannot write the catalog in {folder}",
                why=text,
                fix="free some space or make the folder writable, and run it again",
            ) from error
        if "locked" in text:
            raise CatalogError(
                f"the catalog in {folder} is in use", why=text, fix="try again in a moment"
            ) from error
        raise CatalogError(
            f"the catalog in {folder} is damaged",
            why=text,
            fix="delete the folder and import the feed again",
        ) from error


def _address(path: Path) -> str:
    address = "file:" + quote(str(path.absolute()))
    if os.access(path.parent, os.W_OK):
        return address
    # What is still in the log must be read through it, which 'immutable' would not do.
    log = path.with_name(path.name + "-wal")
    unmerged = log.is_file() and log.stat().st_size > 0
    return address + ("?mode=ro" if unmerged else "?mode=ro&immutable=1")


def _prepare(connection: sqlite3.Connection, folder: Path) -> None:
    connection.execute("PRAGMA foreign_keys = ON")
    connection.execute("PRAGMA synchronous = FULL")
    version = _version(connection)
    if version > len(MIGRATIONS):
        raise CatalogError(
            f"the catalog in {folder} is newer than this program",
            why=f"its version is {version}, this program reads up to {len(MIGRATIONS)}",
            fix="update sgmn-edge: pip install --upgrade sgmn-edge",
        )
    if version < len(MIGRATIONS):
        connection.execute("PRAGMA journal_mode = WAL")
        _migrate(connection)


def _migrate(connection: sqlite3.Connection) -> None:
    with transaction(connection):
        for version in range(_version(connection), len(MIGRATIONS)):
            for statement in filter(str.strip, MIGRATIONS[version].split(";")):
                connection.execute(statement)
        connection.execute(f"PRAGMA user_version = {len(MIGRATIONS)}")


def _version(connection: sqlite3.Connection) -> int:
    return int(connection.execute("PRAGMA user_version").fetchone()[0])
