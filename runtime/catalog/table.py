"""Tables that shops hand in: CSV or TSV, read strictly, with every problem told by its line."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from runtime.errors import FeedError

MAX_FILE_BYTES = 256_000_000
SHOWN_PROBLEMS = 10

_DELIMITERS = {".csv": ",", ".tsv": "\t", ".txt": "\t"}
_ADD_COLUMN = "add the column"
_SEPARATORS = "separate columns by commas, not semicolons, or save the file as .tsv with tabs"


@dataclass
class Problems:
    """Collects what is wrong with what was handed in, so that it can be put right in one go.

    Attributes:
        source: what was handed in: a file, or words for it.
        fix: what to do about it.
        found: the problems so far.
    """

    source: Path | str
    fix: str
    found: list[str] = field(default_factory=list)

    def add(self, problem: str) -> None:
        """Note a problem."""
        self.found.append(problem)

    def raise_if_any(self) -> None:
        """Raise one error with the first problems and their count.

        Raises:
            FeedError: there was a problem.
        """
        if not self.found:
            return
        count = len(self.found)
        shown = self.found[:SHOWN_PROBLEMS]
        if count > len(shown):
            shown.append(f"and {count - len(shown)} more")
        what = f"{self.source} has {count} problem{'s' if count > 1 else ''}"
        raise FeedError(what, why="\n  - ".join(["", *shown]), fix=self.fix)


def read_table(
    file: Path, required: tuple[str, ...], problems: Problems
) -> Iterator[tuple[int, dict[str, str]]]:
    """The rows of a table by column name; rows that are blank are left out.

    Args:
        file: ``.csv``, or tab separated ``.tsv`` or ``.txt``; UTF-8, with a line of column names.
        required: columns that must be there.
        problems: rows with too many or too few columns are noted here and left out.

    Yields:
        The line on which a row begins, counted from 1, and its cells without outer blanks.

    Raises:
        FeedError: the file cannot be read, or a column is missing or there twice.
    """
    records = _records(file, _text(file), _delimiter(file), problems.fix)
    header = _header(file, next(records, (1, []))[1], required)
    for line, cells in records:
        if len(cells) == len(header):
            yield line, dict(zip(header, map(str.strip, cells), strict=True))
        else:
            problems.add(f"line {line}: {len(cells)} columns, the first line has {len(header)}")


def _delimiter(file: Path) -> str:
    delimiter = _DELIMITERS.get(file.suffix.lower())
    if delimiter is None:
        known = ", ".join(_DELIMITERS)
        raise FeedError(
            f"{file} is not a table this program reads",
            why=f"its name does not end in one of {known}",
            fix="export it as CSV or TSV",
        )
    return delimiter


def _text(file: Path) -> str:
    if not file.is_file():
        raise FeedError(f"there is no file {file}", why="no such file", fix="check the path")
    if file.stat().st_size > MAX_FILE_BYTES:
        why = f"it is larger than {MAX_FILE_BYTES // 1_000_000} MB"
        raise FeedError(f"{file} is too large", why=why, fix="split it")
    data = file.read_bytes()
    if b"\0" in data:
        line = data[: data.index(b"\0")].count(b"\n") + 1
        why = f"line {line} holds a NUL byte; the file is damaged or in UTF-16"
        raise FeedError(f"{file} is not text", why=why, fix="save it as UTF-8")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        why = f"line {line} is not UTF-8"
        raise FeedError(f"{file} is not readable text", why=why, fix="save it as UTF-8") from error


def _records(file: Path, text: str, delimiter: str, fix: str) -> Iterator[tuple[int, list[str]]]:
    """Records that are not blank, each with the line it begins on."""
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    start = 1
    try:
        for cells in reader:
            if any(cell.strip() for cell in cells):
                yield start, cells
            start = reader.line_num + 1
    except csv.Error as error:
        why = f"the record that begins on line {start} is malformed ({error})"
        raise FeedError(f"{file} cannot be read", why=why, fix=fix) from error


def _header(file: Path, cells: list[str], required: tuple[str, ...]) -> list[str]:
    header = [cell.strip().lower().replace(" ", "_") for cell in cells]
    missing = [name for name in required if name not in header]
    if missing:
        raise FeedError(
            f"{file} lacks the column {', '.join(missing)}",
            why=f"line 1 names these columns: {', '.join(header) or 'none'}",
            fix=_SEPARATORS if ";" in "".join(header) else _ADD_COLUMN,
        )
    twice = sorted({name for name in header if header.count(name) > 1})
    if twice:
        why = f"line 1 names {', '.join(twice)} more than once"
        raise FeedError(f"{file} has a column twice", why=why, fix="rename or remove one of them")
    return header
