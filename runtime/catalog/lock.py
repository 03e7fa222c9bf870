"""One writer at a time in a catalog folder."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

from runtime.errors import CatalogError

LOCK = "writer.lock"
"""The first file that a catalog folder gets."""


class WriterLock:
    """An advisory lock on a folder, freed by the system when the process dies.

    Args:
        folder: an existing folder.
    """

    def __init__(self, folder: Path) -> None:
        self._path = folder / LOCK
        self._descriptor: int | None = None

    @property
    def held(self) -> bool:
        """Whether this object holds the lock."""
        return self._descriptor is not None

    def acquire(self) -> None:
        """Take the lock at once or not at all.

        Raises:
            CatalogError: somebody else holds it.
        """
        if self.held:
            return
        descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            os.close(descriptor)
            raise CatalogError(
                f"the catalog in {self._path.parent} is being changed",
                why="another import or rollback is running",
                fix="wait until it has ended and run this again",
            ) from error
        self._descriptor = descriptor

    def release(self) -> None:
        """Give the lock back; legal in every state."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None
