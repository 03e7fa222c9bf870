"""The files that a manifest lists: each is there with its size and digest, and no other is."""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Iterator
from pathlib import Path

from runtime.bundle.files import BLOCK_BYTES, open_plain
from runtime.bundle.layout import REINSTALL, damaged, present_files, safe_path, unreadable
from runtime.bundle.manifest import FileEntry, Manifest
from runtime.errors import BundleError


def check_files(folder: Path, manifest: Manifest) -> None:
    """Every file that is listed is there with its size and digest, and no other.

    Raises:
        BundleError: one is missing, unreadable, changed, no plain file, or not listed.
    """
    check_unlisted(folder, manifest)
    for name, entry in manifest.files.items():
        check_size(folder, name, entry)
    for name, entry in manifest.files.items():
        check_file(folder, name, entry)


def check_unlisted(folder: Path, manifest: Manifest) -> None:
    """Refuse a bundle with files that its manifest does not list.

    Raises:
        BundleError: there is one, or a folder of it cannot be read.
    """
    try:
        extra = [name for name in present_files(folder) if name not in manifest.files]
    except OSError as error:
        raise unreadable(folder, os.path.relpath(error.filename, folder), error) from error
    if extra:
        raise BundleError(
            f"the bundle in {folder} holds files that its manifest does not list",
            why=", ".join(map(repr, extra[:10])),
            fix="remove them, or " + REINSTALL,
        )


def check_size(folder: Path, name: str, entry: FileEntry) -> None:
    """A listed file is there, is a plain one and has its size; it is not opened.

    Raises:
        BundleError: it is not.
    """
    try:
        found = safe_path(folder, name).lstat()
    except FileNotFoundError as error:
        raise damaged(folder, f"{name} is missing") from error
    except OSError as error:
        raise unreadable(folder, name, error) from error
    if not stat.S_ISREG(found.st_mode):
        raise damaged(folder, f"{name} is not a plain file")
    if found.st_size != entry.size_bytes:
        raise damaged(folder, f"{name} has {found.st_size} bytes instead of {entry.size_bytes}")


def check_file(folder: Path, name: str, entry: FileEntry) -> None:
    """Read a listed file to its end.

    Raises:
        BundleError: as `checked_blocks`.
    """
    for _ in checked_blocks(folder, name, entry):
        pass


def copy_file(folder: Path, name: str, entry: FileEntry, target: Path) -> None:
    """Copy a listed file to a new one, and wait until its bytes are on the disk.

    Raises:
        BundleError: as `checked_blocks`.
        OSError: the new file is there already or cannot be written.
    """
    with target.open("xb") as copy:
        for block in checked_blocks(folder, name, entry):
            copy.write(block)
        copy.flush()
        os.fsync(copy.fileno())


def checked_blocks(folder: Path, name: str, entry: FileEntry) -> Iterator[bytes]:
    """The bytes of a listed file; instead of the end comes an error where they are not those.

    No more is read than the manifest says, whatever becomes of the file meanwhile.

    Raises:
        BundleError: it is missing, a link, no plain file, unreadable, or of another size or digest.
    """
    place, digest, left = safe_path(folder, name), hashlib.sha256(), entry.size_bytes
    try:
        with open_plain(place) as source:
            while block := source.read(min(BLOCK_BYTES, left + 1)):
                left -= len(block)
                if left < 0:
                    break
                digest.update(block)
                yield block
    except FileNotFoundError as error:
        raise damaged(folder, f"{name} is missing") from error
    except OSError as error:
        raise unreadable(folder, name, error) from error
    if left:
        raise damaged(folder, f"{name} does not have {entry.size_bytes} bytes")
    if digest.hexdigest() != entry.sha256:
        raise damaged(folder, f"{name} does not have the digest in the manifest")
