"""A lock between processes, held by a file."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path


class FileLock:
    """An advisory lock, freed by the system when the process dies.

    Args:
        path: of the file that is locked; made where it is not there, and left. Its folder must
            exist.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._descriptor: int | None = None

    @property
    def held(self) -> bool:
        """Whether this object holds the lock."""
        return self._descriptor is not None

    def acquire(self, *, wait: bool = False) -> bool:
        """Take the lock, which an object may do twice.

        Args:
            wait: until whoever has it gives it back; else not at all.

        Returns:
            Whether it is held now.
        """
        if self.held:
            return True
        descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        except BlockingIOError:
            os.close(descriptor)
            return False
        except BaseException:
            os.close(descriptor)
            raise
        self._descriptor = descriptor
        return True

    def release(self) -> None:
        """Give the lock back; legal in every state."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None
