"""Which paths a bundle may name and which files lie in it."""

from __future__ import annotations

import os
from pathlib import Path, PurePosixPath

from runtime.errors import BundleError

MANIFEST = "manifest.json"
MANIFEST_DIGEST = "manifest.json.sha256"

REINSTALL = "install the bundle again from where you got it"


def safe_path(folder: Path, name: str) -> Path:
    """The place of a listed file, once its name is known to stay inside the folder.

    Raises:
        BundleError: the name is absolute, climbs out, is not in plain form, or passes a link.
    """
    parts = PurePosixPath(name).parts
    plain = "/".join(parts) == name and ".." not in parts and parts[0] != "/" if parts else False
    if not plain or "\\" in name or "\0" in name:
        raise BundleError(
            f"the bundle in {folder} names an unsafe path {name!r}",
            why="paths must be relative, with forward slashes, and stay inside the bundle",
            fix="do not use this bundle; " + REINSTALL,
        )
    place = folder
    for part in parts:
        place = place / part
        if _is_link(place):
            raise BundleError(
                f"{name} in the bundle {folder} is not a plain file",
                why=f"{place.relative_to(folder).as_posix()} is a symbolic link",
                fix="copy the bundle with its files, not with links (cp -rL)",
            )
    return place


def _is_link(place: Path) -> bool:
    try:
        return place.is_symlink()
    except OSError as error:
        raise BundleError(
            f"the bundle names a path that cannot be: {place.name[:60]!r}",
            why=str(error.strerror),
            fix="do not use this bundle; " + REINSTALL,
        ) from error


def present_files(folder: Path) -> list[str]:
    """Names of everything in a bundle that is not a folder, beside the manifest, sorted."""
    found = []
    for top, folders, files in os.walk(folder):
        links = [name for name in folders if (Path(top) / name).is_symlink()]
        found += [(Path(top) / name).relative_to(folder).as_posix() for name in files + links]
    return sorted(set(found) - {MANIFEST, MANIFEST_DIGEST})
