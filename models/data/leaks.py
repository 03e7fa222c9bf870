"""No picture that a network trained on may occur in what it is judged by."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path

from runtime.errors import ClipListError


def check_apart(training: Iterable[Path], held: Iterable[Path]) -> None:
    """See that no file is in both, by content: another name or folder hides nothing.

    Only files of equal size are read.

    Args:
        training: pictures or videos to train on.
        held: pictures or videos of validation or test clips.

    Raises:
        ClipListError: a file is in both, or is missing.
    """
    found = _shared(set(training), set(held))
    if found:
        ours, theirs = found[0]
        raise ClipListError(
            f"{len(found)} training file{'s' * (len(found) > 1)} also occur in held-out clips",
            why=f"{ours} and {theirs} have the same content",
            fix="take it out of the training files; accuracy on such clips would mean nothing",
        )


def _shared(training: set[Path], held: set[Path]) -> list[tuple[Path, Path]]:
    by_size: dict[int, list[Path]] = defaultdict(list)
    for path in held:
        by_size[_size(path)].append(path)
    candidates = sorted((p, _size(p)) for p in training if _size(p) in by_size)
    theirs = {_digest(p): p for size in {s for _, s in candidates} for p in by_size[size]}
    return [(p, theirs[d]) for p, _ in candidates if (d := _digest(p)) in theirs]


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError as error:
        raise ClipListError(
            f"cannot compare {path} with held-out clips", why=str(error), fix="restore the file"
        ) from error


def _digest(path: Path) -> str:
    found = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            found.update(block)
    return found.hexdigest()
