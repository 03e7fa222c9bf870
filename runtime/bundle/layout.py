"""Which paths a bundle may name and which files lie in it."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from pathlib import Path, PurePosixPath

from runtime.errors import BundleError

MANIFEST = "manifest.json"
MANIFEST_DIGEST = "manifest.json.sha256"
SIGNATURE = "manifest.sig"

UNLISTED = frozenset({MANIFEST, MANIFEST_DIGEST, SIGNATURE})
"""Files that vouch for the others and so cannot be in the manifest's list."""

LONGEST_NAME = 200

REINSTALL = "install the bundle again from where you got it"

# The same name on every file system: no blanks, no control or look-alike characters.
_PART = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.+-]*")


def damaged(folder: Path, why: str) -> BundleError:
    """The error for a bundle that is not what its maker sealed."""
    return BundleError(f"the bundle in {folder} is damaged", why=why, fix=REINSTALL)


def unreadable(folder: Path, name: str, error: OSError) -> BundleError:
    """The error for a bundle on a disk, or with permissions, that do not let it be read."""
    return BundleError(
        f"the bundle in {folder} cannot be read",
        why=f"{name}: {error.strerror}",
        fix="check its permissions and the disk, or " + REINSTALL,
    )


def safe_path(folder: Path, name: str) -> Path:
    """The place of a listed file, once its name is known to stay inside the folder.

    Raises:
        BundleError: the name is absolute, climbs out, is not in plain form, is too long, has
            characters that some file system changes, passes a link, or cannot be looked at.
    """
    parts = PurePosixPath(name).parts
    plain = "/".join(parts) == name and all(_PART.fullmatch(part) for part in parts)
    if not parts or not plain or len(name) > LONGEST_NAME:
        raise BundleError(
            f"the bundle in {folder} names an unsafe path {name[:LONGEST_NAME]!r}",
            why="paths must be relative, of letters, digits and ._+-, with forward slashes, and "
            "stay inside the bundle",
            fix="do not use this bundle; " + REINSTALL,
        )
    place = folder
    for part in parts:
        place = place / part
        try:
            linked = place.is_symlink()
        except OSError as error:
            raise unreadable(folder, name, error) from error
        if linked:
            raise BundleError(
                f"{name} in the bundle {folder} is not a plain file",
                why=f"{place.relative_to(folder).as_posix()} is a symbolic link",
                fix="copy the bundle with its files, not with links (cp -rL)",
            )
    return place


def check_distinct(folder: Path, names: Iterable[str]) -> None:
    """Refuse names that differ only in case: some file systems hold one file for both.

    Raises:
        BundleError: two names, or a name and that of a file which vouches for the others, collide.
    """
    seen = {name.casefold(): name for name in UNLISTED}
    for name in names:
        other = seen.setdefault(name.casefold(), name)
        if other != name or name in UNLISTED:
            raise BundleError(
                f"the bundle in {folder} lists a name twice",
                why=f"{name} and {other} are one file on some file systems",
                fix="do not use this bundle; " + REINSTALL,
            )


def present_files(folder: Path) -> list[str]:
    """Names of everything in a bundle that is not a folder, beside what vouches for it, sorted.

    Raises:
        OSError: a folder in it cannot be read.
    """
    found, pending = [], [folder]
    while pending:
        with os.scandir(pending.pop()) as entries:
            for entry in entries:
                place = Path(entry.path)
                if entry.is_dir(follow_symlinks=False):
                    pending.append(place)
                else:
                    found.append(place.relative_to(folder).as_posix())
    return sorted(set(found) - UNLISTED)
