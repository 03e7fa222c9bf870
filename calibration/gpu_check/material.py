"""The folder of prepared networks: what is in it, and the parts in which it travels."""

from __future__ import annotations

import json
import lzma
import tarfile
from collections.abc import Iterable
from pathlib import Path
from types import TracebackType
from typing import IO, Any, cast

from runtime.errors import UsageError

ABOUT = "material.json"
MIB = 1 << 20
PART_MIB = 48
"""Of one part of the archive."""

_PRESET = 2
"""Of the compression: what repeats is found within 2 MiB, and real weights do not repeat."""


def read_material(folder: Path) -> dict[str, Any]:
    """What stands in the folder: preset, weights, precisions, bytes.

    Raises:
        UsageError: it is no such folder.
    """
    try:
        found: dict[str, Any] = json.loads((folder / ABOUT).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UsageError(
            f"{folder} holds no prepared networks",
            why=f"{ABOUT} cannot be read ({error})",
            fix="make the folder with: sgmn gpu-check prepare --out DIR",
        ) from error
    return found


def write_parts(folder: Path, place: Path, part_bytes: int = PART_MIB * MIB) -> list[Path]:
    """Write a folder as ``NAME.tar.xz.00``, ``.01``, ...; joined they are one archive.

    Files that are one on the disk are one in the archive.

    Args:
        folder: to be archived under its own name.
        place: path of the parts, without their numbers.
        part_bytes: most bytes of one part.

    Returns:
        The parts, in order.
    """
    with _Parts(place, part_bytes) as parts:
        with (
            lzma.LZMAFile(cast("IO[bytes]", parts), "wb", preset=_PRESET) as packed,
            tarfile.open(fileobj=packed, mode="w") as archive,
        ):
            for path in sorted(folder.rglob("*")):
                archive.add(path, path.relative_to(folder.parent), recursive=False)
        return parts.written


class _Parts:
    """A file for writing that goes on in another file when it is full."""

    def __init__(self, place: Path, part_bytes: int) -> None:
        self._place = place
        self._part_bytes = part_bytes
        self._file: Any = None
        self._size = 0
        self.written: list[Path] = []

    def write(self, data: bytes) -> int:
        """Write all of it."""
        view = memoryview(data)
        while len(view):
            if self._file is None or self._size == self._part_bytes:
                self._next()
            piece = view[: self._part_bytes - self._size]
            self._file.write(piece)
            self._size += len(piece)
            view = view[len(piece) :]
        return len(data)

    def tell(self) -> int:
        """Bytes so far."""
        return max(0, len(self.written) - 1) * self._part_bytes + self._size

    def _next(self) -> None:
        self._close()
        part = self._place.with_name(f"{self._place.name}.{len(self.written):02}")
        self._file = part.open("wb")
        self._size = 0
        self.written.append(part)

    def _close(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None

    def __enter__(self) -> _Parts:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._close()


def share_files(files: Iterable[tuple[str, Path]]) -> int:
    """Make files of one content one file on the disk; returns how many bytes that saves.

    Args:
        files: digest and place of each.
    """
    first: dict[str, Path] = {}
    saved = 0
    for digest, place in files:
        known = first.setdefault(digest, place)
        if known is not place:
            twin = place.with_name(place.name + ".twin")
            twin.hardlink_to(known)
            saved += place.stat().st_size
            twin.replace(place)
    return saved
