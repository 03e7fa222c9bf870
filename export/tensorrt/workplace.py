"""The folder that engines are built in: writable, locked, and with room."""

from __future__ import annotations

import errno
import shutil
from collections.abc import Iterator
from contextlib import contextmanager

from export.tensorrt.memory import MIB
from runtime.engines.engine_store import EngineStore
from runtime.errors import BuildError, StorageError
from runtime.home import HOME_VARIABLE
from runtime.lock import FileLock

STAGING = ".building-"
"""Beginning of the names of folders that a build removes at its end."""


@contextmanager
def workplace(store: EngineStore) -> Iterator[None]:
    """Make the folder, hold its lock, and clear it of what a killed build left.

    Raises:
        BuildError: another build is running.
        StorageError: it cannot be written, or the disk is full, now or while it is held.
    """
    lock = FileLock(store.lock)
    try:
        _make_folders(store)
        if not lock.acquire():
            raise BuildError(
                "these engines are being built already",
                why=f"another build holds {store.lock}",
                fix="wait until it has ended and run this again",
            )
        for left in store.folder.glob(STAGING + "*"):
            shutil.rmtree(left)
        yield
    except OSError as error:
        full = error.errno in (errno.ENOSPC, errno.EDQUOT)
        raise StorageError(
            f"engines cannot be written to {store.folder}",
            why=str(error.strerror or error),
            fix=("free some space" if full else f"set {HOME_VARIABLE}")
            + ", or name another folder with --out",
        ) from error
    finally:
        lock.release()


def require_room(store: EngineStore, graph_bytes: int) -> None:
    """Refuse to begin a build whose engine the disk cannot take, beside the old one.

    Raises:
        StorageError: there is less room than an engine needs at least.
    """
    free, needed = shutil.disk_usage(store.folder).free, 2 * graph_bytes
    if free < needed:
        raise StorageError(
            f"engines cannot be written to {store.folder}",
            why=f"{free // MIB} MiB are free, {-(-needed // MIB)} MiB are needed",
            fix="free some space, or name another folder with --out",
        )


def _make_folders(store: EngineStore) -> None:
    """Nobody else may write there, whatever the umask: a plan is code. Any user's kiosk reads."""
    missing = [place for place in reversed(store.folder.parents) if not place.exists()]
    for folder in (*missing, store.folder, store.timing_cache.parent):
        folder.mkdir(mode=0o755, exist_ok=True)
