"""Pictures as they lie after a download: named by their id, or numbered beside a side-car."""

from __future__ import annotations

import json
import warnings
from collections.abc import Iterable, Sequence
from pathlib import Path

from models.data.corpus import Shot
from runtime.errors import ClipListError

SUFFIXES = (".jpg", ".jpeg", ".png", ".webp")
SHOWN = 5


class MissingDataWarning(UserWarning):
    """A part of a data set is not there; what is left out is named."""


def find_pictures(folder: Path) -> dict[str, Path]:
    """Every picture below a folder by its id.

    A picture's id is its name without suffix, or, where a ``.json`` of the same name lies beside
    it, the last part of the ``url`` therein without suffix: the layout that img2dataset writes
    with ``--output_format files``.

    Raises:
        ClipListError: the folder is missing, a side-car is damaged, or an id occurs twice.
    """
    if not folder.is_dir():
        raise ClipListError(
            f"there is no folder {folder}",
            why="the pictures of the data set are expected there",
            fix="put them there, or link the folder",
        )
    found: dict[str, Path] = {}
    for path in sorted(p for p in folder.rglob("*") if p.suffix.lower() in SUFFIXES):
        name = _name(path)
        if name in found:
            raise ClipListError(
                f"the picture {name} is there twice",
                why=f"{found[name]} and {path} have that id",
                fix="remove one of them",
            )
        found[name] = path
    return found


def parted(shots: Iterable[Shot]) -> tuple[tuple[Shot, ...], tuple[Shot, ...]]:
    """Presentations with pictures, and those of which none is there, which are warned of."""
    every = tuple(shots)
    lost = tuple(shot for shot in every if isinstance(shot.pictures, tuple) and not shot.pictures)
    report_missing("clips", [s.key for s in lost], "not trained on, and failures in evaluation")
    gone = set(map(id, lost))
    return tuple(shot for shot in every if id(shot) not in gone), lost


def report_missing(what: str, missing: Sequence[str], then: str) -> None:
    """Warn, with the count and the first names, that data is missing; silent if none is.

    Args:
        what: what is missing, e.g. ``videos``.
        missing: their names.
        then: what follows from it.
    """
    if missing:
        names = ", ".join(missing[:SHOWN])
        more = f" and {len(missing) - SHOWN} more" if len(missing) > SHOWN else ""
        text = f"{len(missing)} {what} missing: {names}{more}; {then}"
        warnings.warn(text, MissingDataWarning, stacklevel=2)


def _name(path: Path) -> str:
    sidecar = path.with_suffix(".json")
    if not sidecar.is_file():
        return path.stem
    try:
        url = json.loads(sidecar.read_text(encoding="utf-8"))["url"]
        return str(url).rsplit("/", 1)[-1].rsplit(".", 1)[0]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ClipListError(
            f"cannot tell what {path} shows",
            why=f"{sidecar.name} beside it has no url ({error})",
            fix="download the picture again",
        ) from error
