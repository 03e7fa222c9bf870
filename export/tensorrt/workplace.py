"""The folder that engines are built in: writable, locked, and with room."""

from __future__ import annotations

import shutil
from pathlib import Path

from export.tensorrt.memory import MIB
from runtime.engines.engine_store import EngineStore
from runtime.errors import BuildError, StorageError
from runtime.lock import FileLock

STAGING = ".building-"
"""Beginning of the names of folders that a build removes at its end."""


def prepared(store: EngineStore, sizes: list[int]) -> FileLock:
    """Make the folder, take its lock and clear it, before minutes are spent.

    Args:
        store: of the engines.
        sizes: of the graphs in bytes.

    Returns:
        The lock, held.

    Raises:
        BuildError: another build is running.
        StorageError: it cannot be written, or the disk has no room.
    """
    lock = FileLock(store.lock)
    try:
        # Nobody else may write there, whatever the umask: a plan is code. A kiosk that is another
        # user than the builder reads.
        for folder in (*_above(store), store.folder, store.timing_cache.parent):
            folder.mkdir(mode=0o755, exist_ok=True)
        if not lock.acquire():
            raise BuildError(
                "these engines are being built already",
                why=f"another build holds {store.lock}",
                fix="wait until it has ended and run this again",
            )
        for left in store.folder.glob(STAGING + "*"):
            shutil.rmtree(left)
        _require_room(store, 2 * sum(sizes))
    except OSError as error:
        lock.release()
        raise StorageError(
            f"engines cannot be written to {store.folder}",
            why=str(error.strerror or error),
            fix="name another folder with --out, or set SGMN_HOME",
        ) from error
    except BaseException:
        lock.release()
        raise
    return lock


def _above(store: EngineStore) -> list[Path]:
    """Folders that have to be there first, from the top on."""
    return [place for place in reversed(store.folder.parents) if not place.exists()]


def _require_room(store: EngineStore, needed: int) -> None:
    free = shutil.disk_usage(store.folder).free
    if free < needed:
        raise StorageError(
            f"engines cannot be written to {store.folder}",
            why=f"{free // MIB} MiB are free, {needed // MIB} MiB are needed",
            fix="free some space, or name another folder with --out",
        )
