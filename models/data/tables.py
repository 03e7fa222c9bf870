"""Annotation files: tab separated rows and JSON, with errors that name file and line."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from runtime.errors import ClipListError


@dataclass(frozen=True)
class Place:
    """Where something stands: a file, and a line counted from 1 or a record's name."""

    file: Path
    part: str

    def error(self, why: str) -> ClipListError:
        """What is wrong there."""
        return ClipListError(
            f"{self.file}, {self.part} cannot be used", why=why, fix="correct it, or take it out"
        )


def find_files(root: Path, start: str, suffix: str) -> list[Path]:
    """Files of a folder whose names begin and end so, in order of name.

    Raises:
        ClipListError: there is none.
    """
    found = sorted(path for path in root.glob(f"{start}*{suffix}") if path.is_file())
    if not found:
        raise ClipListError(
            f"there is no {start}*{suffix} in {root}",
            why="it is one of the data set's annotation files",
            fix="download it, or give the folder that holds it",
        )
    return found


def find_file(root: Path, start: str, suffix: str) -> Path:
    """The one file of a folder whose name begins and ends so.

    Raises:
        ClipListError: there is none, or more than one.
    """
    found = find_files(root, start, suffix)
    if len(found) > 1:
        raise ClipListError(
            f"there are {len(found)} files {start}*{suffix} in {root}",
            why=f"{found[0].name} and {found[1].name} both fit",
            fix="leave one of them there",
        )
    return found[0]


def rows(
    files: Sequence[Path], columns: int, *, limit: int | None = None
) -> Iterator[tuple[Place, list[str]]]:
    """Tab separated rows of several files as if they were one; blank lines are skipped.

    Args:
        files: UTF-8 without column names.
        columns: what every row has.
        limit: take only the first rows.

    Raises:
        ClipListError: a file cannot be read, or a row has another number of columns.
    """
    taken = 0
    for file in files:
        for number, line in enumerate(_lines(file), start=1):
            if taken == limit:
                return
            if line.strip():
                taken += 1
                cells = [cell.strip() for cell in line.split("\t")]
                place = Place(file, f"line {number}")
                if len(cells) != columns:
                    raise place.error(f"it has {len(cells)} tab separated columns, not {columns}")
                yield place, cells


def pairs(file: Path) -> dict[str, str]:
    """A file of ids and texts; a text may hold tabs or be empty.

    Raises:
        ClipListError: the file cannot be read, a line has no tab, or an id occurs twice.
    """
    found: dict[str, str] = {}
    for number, line in enumerate(_lines(file), start=1):
        if not line.strip():
            continue
        key, tab, text = line.partition("\t")
        if not tab or not key.strip():
            raise Place(file, f"line {number}").error("it is not an id, a tab and a text")
        if key.strip() in found:
            raise Place(file, f"line {number}").error(f"{key.strip()} occurs twice")
        found[key.strip()] = text.strip()
    return found


def id_lists(file: Path) -> dict[str, tuple[str, ...]]:
    """A JSON object of lists of ids; none is empty, and ids in a list are unique.

    Raises:
        ClipListError: the file is not such an object; names the record.
    """
    value = read_json(file)
    if not isinstance(value, dict):
        raise Place(file, "line 1").error("it is not an object of lists")
    found: dict[str, tuple[str, ...]] = {}
    for key, ids in value.items():
        if not isinstance(ids, list) or not all(isinstance(i, str) and i for i in ids):
            raise Place(file, f"record {key}").error("it is not a list of ids")
        if not ids:
            raise Place(file, f"record {key}").error("its list is empty")
        found[key] = tuple(dict.fromkeys(ids))
    return found


def read_json(file: Path) -> Any:
    """A JSON file.

    Raises:
        ClipListError: it cannot be read; names the line.
    """
    try:
        return json.loads(file.read_text(encoding="utf-8"))
    except json.JSONDecodeError as error:
        raise Place(file, f"line {error.lineno}").error(f"it is not JSON ({error.msg})") from error
    except (OSError, UnicodeDecodeError) as error:
        raise _unreadable(file, error) from error


def _lines(file: Path) -> Iterator[str]:
    """Lines one by one: a training file has hundreds of gigabytes."""
    try:
        with file.open(encoding="utf-8", newline="\n") as lines:
            for line in lines:
                yield line.rstrip("\r\n")
    except (OSError, UnicodeDecodeError) as error:
        raise _unreadable(file, error) from error


def _unreadable(file: Path, error: Exception) -> ClipListError:
    return ClipListError(f"cannot read {file}", why=str(error), fix="download it again as UTF-8")
