"""One writer at a time in a catalog folder."""

from __future__ import annotations

from pathlib import Path

from runtime.errors import CatalogError
from runtime.lock import FileLock

LOCK = "writer.lock"
"""The first file that a catalog folder gets."""


class WriterLock:
    """The lock on a catalog folder.

    Args:
        folder: an existing folder.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._lock = FileLock(folder / LOCK)

    @property
    def held(self) -> bool:
        """Whether this object holds the lock."""
        return self._lock.held

    def acquire(self) -> None:
        """Take the lock at once or not at all.

        Raises:
            CatalogError: somebody else holds it.
        """
        if not self._lock.acquire():
            raise CatalogError(
                f"the catalog in {self._folder} is being changed",
                why="another import or rollback is running",
                fix="wait until it has ended and run this again",
            )

    def release(self) -> None:
        """Give the lock back; legal in every state."""
        self._lock.release()
