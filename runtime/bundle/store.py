"""The installed bundles of this device: each in a folder named by its digest, one in use."""

from __future__ import annotations

import errno
import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from runtime.bundle.files import sync
from runtime.bundle.installed import INSTALLED, Installed, read_installed, write_installed
from runtime.bundle.layout import damaged
from runtime.bundle.reader import open_bundle
from runtime.errors import BundleError, StorageError
from runtime.home import HOME_VARIABLE
from runtime.lock import FileLock

LOCK = "install.lock"
STAGING = "staging"
DAMAGED = "damaged"
"""Where a listed bundle goes whose bytes are no longer its own, when it is installed anew."""

_FULL = "free some space and run it again"
_NOT_WRITABLE = f"make the folder writable, or set {HOME_VARIABLE} to another one"
_FIXES = {
    errno.ENOSPC: _FULL,
    errno.EDQUOT: _FULL,
    errno.EIO: f"check the disk (dmesg), or set {HOME_VARIABLE} to a folder on another one",
}

_DIGEST = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True)
class Switch:
    """The bundle in use before and after; None for the shipped one."""

    before: str | None
    after: str | None


class BundleStore:
    """The folder of installed bundles.

    Reading takes no lock and changes nothing. Whatever changes something does so beside what is in
    use and ends with one rename of the list, so that a kill at any moment leaves the old bundle or
    the new one in use; what it leaves besides is cleared when the next change begins.

    Args:
        folder: made at the first installation.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @property
    def staging(self) -> Path:
        """Where the next bundle is put together."""
        return self.folder / STAGING

    def installed(self) -> Installed:
        """What is installed.

        Raises:
            BundleError: the list is damaged.
        """
        return read_installed(self.folder)

    def place(self, digest: str) -> Path:
        """The folder of an installed bundle."""
        return self.folder / digest

    def verify(self, digest: str) -> None:
        """Check every byte of an installed bundle, and that it is the one it is said to be.

        Raises:
            BundleError: it is damaged, or another bundle lies in its place.
        """
        place = self.place(digest)
        if open_bundle(place).digest != digest:
            raise damaged(place, "another bundle lies in its place")

    def is_whole(self, digest: str) -> bool:
        """Whether `verify` passes."""
        try:
            self.verify(digest)
        except BundleError:
            return False
        return True

    def in_use(self) -> Path | None:
        """The folder of the bundle in use, not verified; None for the shipped one.

        Raises:
            BundleError: the list is damaged, or the folder is gone.
        """
        current = self.installed().current
        if current is None:
            return None
        if not self.place(current).is_dir():
            raise BundleError(
                "the bundle in use is gone",
                why=f"there is no folder {self.place(current)}",
                fix="sgmn bundle rollback, or install it again: sgmn bundle install FOLDER",
            )
        return self.place(current)

    def roll_back(self) -> Switch:
        """Use the bundle before the current one again, once its bytes are verified.

        Raises:
            BundleError: the shipped one is in use already, the one before is damaged, or the
                bundles are being changed by another command.
            StorageError: the folder cannot be written.
        """
        with self.changing() as installed:
            if installed.current is None:
                raise BundleError(
                    "there is no bundle to go back to",
                    why="the bundle shipped with the program is in use",
                    fix="install one: sgmn bundle install FOLDER",
                )
            if installed.previous is not None:
                self.verify(installed.previous)
            after = installed.rolled_back()
            write_installed(self.folder, after)
            return Switch(installed.current, after.current)

    @contextmanager
    def changing(self) -> Iterator[Installed]:
        """Hold the lock on the folder, cleared of what an interrupted command left.

        Raises:
            BundleError: another command holds it, or the list is damaged.
            StorageError: the folder cannot be written or the disk is full.
        """
        with _storage_errors(self.folder), _readable_by_all():
            self.folder.mkdir(parents=True, exist_ok=True)
            lock = FileLock(self.folder / LOCK)
            if not lock.acquire():
                raise BundleError(
                    f"the bundles in {self.folder} are being changed",
                    why="another install or rollback is running",
                    fix="wait until it has ended and run this again",
                )
            try:
                installed = self.installed()
                self.clear(installed)
                yield installed
            finally:
                # At once, not when the next change begins: a full disk gets its room back.
                with suppress(BundleError, OSError):
                    self.clear(self.installed())
                lock.release()

    def clear(self, installed: Installed) -> list[str]:
        """Remove bundles that the list does not name, and what was being put together.

        What cannot be removed stays for the next time.

        Returns:
            Digests of the removed bundles.
        """
        (self.folder / (INSTALLED + ".new")).unlink(missing_ok=True)
        for name in (STAGING, DAMAGED):
            shutil.rmtree(self.folder / name, ignore_errors=True)
        removed = []
        for place in sorted(self.folder.iterdir()):
            if _DIGEST.fullmatch(place.name) and place.name not in installed.bundles:
                shutil.rmtree(place, ignore_errors=True)
                removed.append(place.name)
        return removed

    def admit(self, digest: str) -> None:
        """Give the staged bundle its place, on the disk before anything names it."""
        place = self.place(digest)
        if place.exists():
            place.rename(self.folder / DAMAGED)
        self.staging.rename(place)
        sync(self.folder)


@contextmanager
def _readable_by_all() -> Iterator[None]:
    """As packages are: the kiosk's user reads what root installs, whatever root's umask is."""
    before = os.umask(0o022)
    try:
        yield
    finally:
        os.umask(before)


@contextmanager
def _storage_errors(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise StorageError(
            f"the installed bundles in {folder} cannot be changed",
            why=os.strerror(error.errno) if error.errno else str(error),
            fix=_FIXES.get(error.errno or 0, _NOT_WRITABLE),
        ) from error
