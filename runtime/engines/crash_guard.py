"""Notices starts that ended in a crash, so that a kiosk which is restarted does not crash for ever.

Every start leaves a file that its process keeps locked until it has run for a while or ends in
order. The kernel frees the lock of a process that dies, however it dies, and the file stays: a file
that nobody holds is a crash.
"""

from __future__ import annotations

import fcntl
import os
import tempfile
from contextlib import suppress
from pathlib import Path

from runtime.bundle.files import open_plain
from runtime.lifecycle import Closable

CRASHES = 3
"""Crashes after which the engines are left alone."""

_PREFIX = "start-"


class CrashGuard(Closable):
    """The starts of one bundle's engines on this device.

    Args:
        folder: of these starts; made when the first one begins.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._held: tuple[Path, int] | None = None

    @property
    def folder(self) -> Path:
        """Where the starts are noted."""
        return self._folder

    def crashes(self) -> int:
        """How many starts crashed since one last settled."""
        return sum(1 for _ in self._crashed())

    def begin(self) -> bool:
        """Note that a start begins; whether that was possible.

        It is not where the folder cannot be written. Then crashes go unnoticed.
        """
        if self._held is not None:
            return True
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            descriptor, name = tempfile.mkstemp(prefix=_PREFIX, dir=self._folder)
        except OSError:
            return False
        self._held = Path(name), descriptor
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        except OSError:  # as some network disks say
            self.close()
            return False
        return True

    def settle(self) -> None:
        """This start did not crash, and earlier crashes count no more.

        Where the disk has become read-only meanwhile they stay, and the engines run on.
        """
        with suppress(OSError):
            self.clear()
        self.close()

    def clear(self) -> int:
        """Forget all crashes; returns how many.

        Raises:
            OSError: the folder cannot be written.
        """
        crashed = self._crashed()
        for file in crashed:
            file.unlink(missing_ok=True)
        return len(crashed)

    def close(self) -> None:
        """This start ended in order and says nothing of others; legal in every state."""
        self._leave(crashed=False)

    def fail(self) -> None:
        """This start ended with an error of its engines and counts as a crash."""
        self._leave(crashed=True)

    def _leave(self, *, crashed: bool) -> None:
        held, self._held = self._held, None
        if held is not None:
            file, descriptor = held
            if not crashed:
                with suppress(OSError):
                    file.unlink()
            os.close(descriptor)

    def _crashed(self) -> list[Path]:
        return [file for file in sorted(self._folder.glob(f"{_PREFIX}*")) if _is_crash(file)]


def _is_crash(file: Path) -> bool:
    try:
        with open_plain(file) as start:
            fcntl.flock(start, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:  # held by its process, ended in order just now, or none of ours
        return False
    return True
