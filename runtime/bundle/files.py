"""Files: digests in bounded memory, and writes that a power cut leaves either old or new."""

from __future__ import annotations

import hashlib
import os
import stat
from pathlib import Path
from typing import BinaryIO

from runtime.errors import StorageError

BLOCK_BYTES = 1 << 20


def file_digest(path: Path) -> str:
    """The hex SHA-256 of a file's bytes."""
    digest = hashlib.sha256()
    with path.open("rb") as source:
        while block := source.read(BLOCK_BYTES):
            digest.update(block)
    return digest.hexdigest()


def open_plain(path: Path) -> BinaryIO:
    """Open a file for reading; a link is not followed and nothing but a file is opened.

    Raises:
        OSError: it is missing, a link, or no plain file; opening a pipe does not wait.
    """
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    descriptor = os.open(path, flags)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise OSError(None, "not a plain file", str(path))
    return os.fdopen(descriptor, "rb")


def create_file(path: Path, data: bytes, mode: int = 0o644) -> None:
    """Write a file that is not there yet, and wait until it is on the disk under its name.

    Args:
        path: its place.
        data: its bytes.
        mode: permission bits, from its first moment on; the umask takes more away.

    Raises:
        FileExistsError: something is there; it stays as it is.
    """
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
    try:
        with os.fdopen(descriptor, "wb") as target:
            target.write(data)
            target.flush()
            os.fsync(target.fileno())
    except BaseException:
        path.unlink()
        raise
    sync(path.parent)


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
