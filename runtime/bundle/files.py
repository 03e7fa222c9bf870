"""Files: digests in bounded memory, and writes that a power cut leaves either old or new."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

from runtime.errors import StorageError

BLOCK_BYTES = 1 << 20


def file_digest(path: Path) -> str:
    """The hex SHA-256 of a file's bytes."""
    digest = hashlib.sha256()
    with path.open("rb") as source:
        while block := source.read(BLOCK_BYTES):
            digest.update(block)
    return digest.hexdigest()


def write_durably(path: Path, data: bytes) -> None:
    """Replace a file at once, and wait until it is on the disk under its name."""
    replace_file(path, data)
    sync(path.parent)


def replace_file(path: Path, data: bytes) -> None:
    """Replace a file at once; its name is on the disk when the folder has been synced.

    A link is followed. Anything but a plain file (a device, a folder) stays as it is.

    Raises:
        StorageError: the place is taken by something that is no plain file.
    """
    path = path.resolve()
    if path.exists() and not path.is_file():
        raise StorageError(
            f"cannot write {path}", why="it is not a plain file", fix="name another file"
        )
    fresh = path.with_name(path.name + ".new")
    try:
        fresh.write_bytes(data)
        sync(fresh)
        fresh.replace(path)
    finally:
        fresh.unlink(missing_ok=True)


def sync(path: Path) -> None:
    """Wait until a file's bytes, or a folder's entries, are on the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
