"""Copies a bundle, checking every byte on its way and taking what is at hand already."""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path

from runtime.bundle.files import BLOCK_BYTES, create_file, file_digest, open_plain, sync
from runtime.bundle.layout import MANIFEST, MANIFEST_DIGEST, SIGNATURE, damaged, safe_path
from runtime.bundle.manifest import FileEntry
from runtime.bundle.reader import Head, check_size, digest_line
from runtime.errors import StorageError


class Copy:
    """A bundle on its way into a new folder.

    Args:
        source: the bundle's folder; nothing of it is trusted.
        target: the new folder; must not exist.
        at_hand: files by digest that may be linked instead of copied, if their bytes are right.
    """

    def __init__(self, source: Path, target: Path, at_hand: Mapping[str, Path]) -> None:
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
        given = safe_path(self._source, name)
        if given.exists():
            for _ in self._blocks(name, given, entry):
                pass

    def _twin(self, entry: FileEntry) -> Path | None:
        twin = self._at_hand.get(entry.sha256)
        if twin is None or twin.is_symlink() or not twin.is_file():
            return None
        return twin if file_digest(twin) == entry.sha256 else None

    def _check_room(self, needed: int) -> None:
        free = shutil.disk_usage(self._target).free
        if needed > free:
            raise StorageError(
                f"there is too little room for the bundle in {self._target.parent}",
                why=f"it needs {needed / 1e6:.1f} MB and {free / 1e6:.1f} MB are free",
                fix="free some space and run it again",
            )

    def _put(self, name: str, entry: FileEntry, twin: Path | None, place: Path) -> None:
        if twin is None:
            self._write(self._blocks(name, safe_path(self._source, name), entry), place)
            return
        self._check_given(name, entry)
        self.reused.append(name)
        try:
            os.link(twin, place)
        except OSError:  # this file system has no links, or the file has too many
            self._write(self._blocks(name, twin, entry), place)

    def _write(self, blocks: Iterator[bytes], place: Path) -> None:
        with place.open("xb") as target:
            for block in blocks:
                self.copied_bytes += target.write(block)
            target.flush()
            os.fsync(target.fileno())

    def _blocks(self, name: str, place: Path, entry: FileEntry) -> Iterator[bytes]:
        """The bytes of a file; an error before the end where they are not those expected."""
        digest, left = hashlib.sha256(), entry.size_bytes
        try:
            with open_plain(place) as source:
                while block := source.read(min(BLOCK_BYTES, left + 1)):
                    left -= len(block)
                    if left < 0:
                        break
                    digest.update(block)
                    yield block
        except FileNotFoundError as error:
            raise damaged(self._source, f"{name} is missing") from error
        except OSError as error:
            raise damaged(self._source, f"{name}: {error.strerror}") from error
        if left:
            raise damaged(self._source, f"{name} does not have {entry.size_bytes} bytes")
        if digest.hexdigest() != entry.sha256:
            raise damaged(self._source, f"{name} does not have the digest in the manifest")
