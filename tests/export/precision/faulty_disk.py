"""Faults at the Nth time that a file below a folder is opened for writing."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

_watch: Callable[[str], None] | None = None


def _hook(event: str, arguments: tuple[Any, ...]) -> None:
    if event != "open" or _watch is None:
        return
    path, mode, flags = arguments
    writes = set(mode or "") & set("wax+") if mode else flags & (os.O_WRONLY | os.O_RDWR)
    if writes and isinstance(path, (str, os.PathLike)):
        _watch(os.fspath(path))


@contextmanager
def watched(folder: Path, fault: Callable[[], None] | None = None, at: int = 0) -> Iterator[list]:
    """Count the files opened for writing below a folder; the Nth, from 1 on, meets a fault.

    An audit hook sees them all, whoever opens them; it cannot be removed, so there is one.
    """
    global _watch
    if not getattr(sys, "_sgmn_watches", False):
        sys.addaudithook(_hook)
        sys._sgmn_watches = True  # type: ignore[attr-defined]
    seen: list[str] = []

    def watch(path: str) -> None:
        if path.startswith(str(folder)):
            seen.append(path)
            if fault is not None and len(seen) == at:
                fault()

    _watch = watch
    try:
        yield seen
    finally:
        _watch = None


def killed() -> None:
    """As kill -9 and a power cut."""
    os.kill(os.getpid(), signal.SIGKILL)
