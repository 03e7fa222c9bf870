"""Copies a bundle, checking every byte on its way and taking what is at hand already."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from runtime.bundle.contents import check_file, check_size, copy_file
from runtime.bundle.files import create_file, sync
from runtime.bundle.layout import MANIFEST, MANIFEST_DIGEST, SIGNATURE, safe_path
from runtime.bundle.manifest import FileEntry
from runtime.bundle.reader import Head, digest_line
from runtime.errors import BundleError, StorageError


class Listed(NamedTuple):
    """A file that the manifest of a bundle lists."""

    folder: Path
    name: str


class Copy:
    """A bundle on its way into a new folder.

    Args:
        source: the bundle's folder; nothing of it is trusted.
        target: the new folder; must not exist.
        at_hand: files by digest that may be linked instead of copied, if their bytes are right.
    """

    def __init__(self, source: Path, target: Path, at_hand: Mapping[str, Listed]) -> None:
        self._source = source
        self._target = target
        self._at_hand = at_hand
        self.copied_bytes = 0
        self.reused: list[str] = []

    def fill(self, head: Head) -> None:
        """Put all files of a verified manifest in place, and wait until they are on the disk.

        Raises:
            BundleError: a file of the source is missing, unreadable, or not what the manifest says.
            StorageError: there is too little room.
            OSError: the target cannot be written.
        """
        self._target.mkdir()
        twins = {name: self._twin(entry) for name, entry in head.manifest.files.items()}
        needed = {name: e for name, e in head.manifest.files.items() if twins[name] is None}
        for name, entry in needed.items():
            check_size(self._source, name, entry)
        self._check_room(sum(entry.size_bytes for entry in needed.values()))
        folders = {self._target}
        for name, entry in head.manifest.files.items():
            place = self._target / name
            place.parent.mkdir(parents=True, exist_ok=True)
            folders.update(place.parents[: len(Path(name).parts)])
            self._put(name, entry, twins[name], place)
        create_file(self._target / MANIFEST, head.data)
        create_file(self._target / MANIFEST_DIGEST, digest_line(head.digest))
        if head.signature is not None:
            create_file(self._target / SIGNATURE, head.signature)
        for folder in folders:
            sync(folder)

    def check(self, head: Head) -> None:
        """Only see that the files which the source has are those of a verified manifest.

        Raises:
            BundleError: one is not.
        """
        for name, entry in head.manifest.files.items():
            self._check_given(name, entry)
        self.reused = list(head.manifest.files)

    def _check_given(self, name: str, entry: FileEntry) -> None:
        if os.path.lexists(safe_path(self._source, name)):
            check_file(self._source, name, entry)

    def _twin(self, entry: FileEntry) -> Listed | None:
        twin = self._at_hand.get(entry.sha256)
        if twin is None:
            return None
        try:
            check_file(*twin, entry)
        except BundleError:
            return None
        return twin

    def _check_room(self, needed: int) -> None:
        free = shutil.disk_usage(self._target).free
        if needed > free:
            raise StorageError(
                f"there is too little room for the bundle in {self._target.parent}",
                why=f"it needs {needed / 1e6:.1f} MB and {free / 1e6:.1f} MB are free",
                fix="free some space and run it again",
            )

    def _put(self, name: str, entry: FileEntry, twin: Listed | None, place: Path) -> None:
        if twin is None:
            self._write(Listed(self._source, name), entry, place)
            return
        self._check_given(name, entry)
        self.reused.append(name)
        try:
            os.link(twin.folder / twin.name, place)
        except OSError:  # this file system has no links, or the file has too many
            self._write(twin, entry, place)

    def _write(self, origin: Listed, entry: FileEntry, place: Path) -> None:
        copy_file(*origin, entry, place)
        self.copied_bytes += entry.size_bytes
