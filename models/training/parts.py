"""Arrays made row by row in a long time: kept in parts until they are whole."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

BATCH = 8
"""Rows made at a time."""

PART = 256
"""Rows that are kept together, a multiple of `BATCH`: what a kill may lose."""

Arrays = dict[str, npt.NDArray[Any]]
Progress = Callable[..., Iterable[Any]]


def kept(
    place: Path, count: int, make: Callable[[slice], Arrays], progress: Progress, label: str
) -> Arrays:
    """Read arrays that an earlier call kept, or make them; one that was killed is gone on with.

    Args:
        place: of the arrays, without a suffix; nobody else may write there meanwhile.
        count: rows, one at least.
        make: the arrays of some rows.
        progress: shows progress.
        label: what is made.
    """
    whole, parts = place.with_suffix(".npz"), place.with_suffix(".parts")
    if whole.exists():
        # With the label as well: large ones take their time to read.
        (arrays,) = [_read(path) for path in progress([whole], label=label, total=1)]
    else:
        parts.mkdir(exist_ok=True)
        _fill(parts, count, make, progress, label)
        arrays = _joined([_read(_part(parts, start)) for start in range(0, count, PART)])
        _write(whole, arrays)
    # In both cases: a kill may have come after the writing.
    shutil.rmtree(parts, ignore_errors=True)
    return arrays


def _fill(
    parts: Path, count: int, make: Callable[[slice], Arrays], progress: Progress, label: str
) -> None:
    missing = [s for s in range(0, count, PART) if not _part(parts, s).exists()]
    batches = [b for s in missing for b in range(s, min(s + PART, count), BATCH)]
    made: list[Arrays] = []
    for batch in progress(batches, label=label, total=len(batches)):
        end = min(batch + BATCH, count)
        made.append(make(slice(batch, end)))
        if end % PART == 0 or end == count:
            _write(_part(parts, (end - 1) // PART * PART), _joined(made))
            made = []


def _part(parts: Path, start: int) -> Path:
    return parts / f"{start:08}.npz"


def _joined(some: Sequence[Arrays]) -> Arrays:
    return {name: np.concatenate([one[name] for one in some]) for name in some[0]}


def _read(path: Path) -> Arrays:
    with np.load(path, allow_pickle=False) as stored:
        return dict(stored)


def _write(path: Path, arrays: Arrays) -> None:
    partial = path.with_suffix(".partial.npz")
    with partial.open("wb") as file:
        np.savez(file, **arrays)  # type: ignore[arg-type]
    partial.replace(path)
