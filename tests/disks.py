"""Folders on full and read-only disks; real ones where the machine lets us mount."""

from __future__ import annotations

import errno
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest


@contextmanager
def small_disk(folder: Path, kilobytes: int, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder with so much room; where nothing can be mounted, writes fail once it is used up."""
    folder.mkdir()
    if _mount(folder, f"size={kilobytes}k"):
        try:
            yield folder
        finally:
            subprocess.run(["umount", str(folder)], check=True)
        return
    write, room = Path.write_bytes, kilobytes * 1024

    def bounded(path: Path, data: bytes) -> int:
        if folder in path.parents:
            used = sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())
            if used + len(data) > room:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))
        return write(path, data)

    with monkeypatch.context() as patched:
        patched.setattr(Path, "write_bytes", bounded)
        yield folder


@contextmanager
def read_only(folder: Path) -> Iterator[Path]:
    """The folder, whatever it holds, on a disk that cannot be written, even by root."""
    bound = subprocess.run(
        ["mount", "--bind", str(folder), str(folder)], capture_output=True, check=False
    )
    if bound.returncode == 0:
        subprocess.run(["mount", "-o", "remount,bind,ro", str(folder)], check=True)
        try:
            yield folder
        finally:
            subprocess.run(["umount", str(folder)], check=True)
        return
    mode = folder.stat().st_mode
    folder.chmod(0o555)
    try:
        yield folder
    finally:
        folder.chmod(mode)


def _mount(folder: Path, options: str) -> bool:
    ran = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder)],
        capture_output=True,
        check=False,
    )
    return ran.returncode == 0
