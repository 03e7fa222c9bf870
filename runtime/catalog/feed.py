"""Merchant feeds: a CSV or TSV file with one product a row."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from runtime.catalog.catalog import Item
from runtime.errors import FeedError

REQUIRED = ("id", "title", "description", "image_link")
GROUP = "item_group_id"
MAX_ID_LENGTH = 50
MAX_FEED_BYTES = 256_000_000
SHOWN_PROBLEMS = 10

_DELIMITERS = {".csv": ",", ".tsv": "\t", ".txt": "\t"}
_URL = re.compile(r"[a-z][a-z0-9+.-]*://|data:", re.IGNORECASE)
_ADD_COLUMN = "add the column; description may be left empty"
_SEPARATORS = "separate columns by commas, not semicolons, or save the feed as .tsv with tabs"
_CORRECT = "correct the feed and import it again; nothing was imported"


@dataclass(frozen=True)
class FeedRow:
    """A product and the line of the feed on which it begins, counted from 1."""

    line: int
    item: Item

    @property
    def name(self) -> str:
        """What errors call the row."""
        return f"line {self.line} (id {self.item.id})"


@dataclass
class Problems:
    """Collects what is wrong in a feed, so that it can be put right in one go."""

    feed: Path
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
        what = f"{self.feed} has {count} problem{'s' if count > 1 else ''}"
        raise FeedError(what, why="\n  - ".join(["", *shown]), fix=_CORRECT)


def read_feed(feed: Path) -> list[FeedRow]:
    """Read all products of a feed.

    Args:
        feed: ``.csv``, or tab separated ``.tsv`` or ``.txt``; UTF-8, with a line of column names.
            Columns id, title, description and image_link are required, item_group_id is the
            look-alike group, all others become attributes. Images are relative to the feed.

    Returns:
        The rows in the order of the feed. Images exist and lie under the feed's folder.

    Raises:
        FeedError: the file or any of its rows cannot be used; names up to ten lines.
    """
    records = _records(feed, _text(feed), _delimiter(feed))
    header = _header(feed, next(records, (1, []))[1])
    problems = Problems(feed)
    rows: list[FeedRow] = []
    lines: dict[str, int] = {}
    for line, cells in records:
        if len(cells) != len(header):
            problems.add(f"line {line}: {len(cells)} columns, the first line has {len(header)}")
            continue
        named = dict(zip(header, map(str.strip, cells), strict=True))
        for problem in _cell_problems(named, feed.parent, lines):
            problems.add(f"line {line}: {problem}")
        lines.setdefault(named["id"], line)
        rows.append(FeedRow(line, _item(feed.parent, named)))
    problems.raise_if_any()
    if not rows:
        why = "there is no row below the column names"
        raise FeedError(f"{feed} has no products", why=why, fix=_CORRECT)
    return rows


def _delimiter(feed: Path) -> str:
    delimiter = _DELIMITERS.get(feed.suffix.lower())
    if delimiter is None:
        known = ", ".join(_DELIMITERS)
        raise FeedError(
            f"{feed} is not a feed this program reads",
            why=f"its name does not end in one of {known}",
            fix="export the feed as CSV or TSV",
        )
    return delimiter


def _text(feed: Path) -> str:
    if not feed.is_file():
        raise FeedError(f"there is no feed {feed}", why="no such file", fix="check the path")
    if feed.stat().st_size > MAX_FEED_BYTES:
        why = f"it is larger than {MAX_FEED_BYTES // 1_000_000} MB"
        raise FeedError(f"{feed} is too large", why=why, fix="split it")
    data = feed.read_bytes()
    if b"\0" in data:
        line = data[: data.index(b"\0")].count(b"\n") + 1
        why = f"line {line} holds a NUL byte; the file is damaged or in UTF-16"
        raise FeedError(f"{feed} is not text", why=why, fix="save it as UTF-8")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        why = f"line {line} is not UTF-8"
        raise FeedError(f"{feed} is not readable text", why=why, fix="save it as UTF-8") from error


def _records(feed: Path, text: str, delimiter: str) -> Iterator[tuple[int, list[str]]]:
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
        raise FeedError(f"{feed} cannot be read", why=why, fix=_CORRECT) from error


def _header(feed: Path, cells: list[str]) -> list[str]:
    header = [cell.strip().lower().replace(" ", "_") for cell in cells]
    missing = [name for name in REQUIRED if name not in header]
    if missing:
        raise FeedError(
            f"{feed} lacks the column {', '.join(missing)}",
            why=f"line 1 names these columns: {', '.join(header) or 'none'}",
            fix=_SEPARATORS if ";" in "".join(header) else _ADD_COLUMN,
        )
    twice = sorted({name for name in header if header.count(name) > 1})
    if twice:
        why = f"line 1 names {', '.join(twice)} more than once"
        raise FeedError(f"{feed} has a column twice", why=why, fix="rename or remove one of them")
    return header


def _item(folder: Path, cells: dict[str, str]) -> Item:
    known = (*REQUIRED, GROUP)
    return Item(
        id=cells["id"],
        title=cells["title"],
        description=cells["description"],
        image=folder / cells["image_link"],
        group=cells.get(GROUP, ""),
        attributes={name: cell for name, cell in cells.items() if cell and name not in known},
    )


def _cell_problems(cells: dict[str, str], folder: Path, lines: dict[str, int]) -> Iterator[str]:
    item_id, length = cells["id"], len(cells["id"])
    if not item_id:
        yield "the id is empty"
    elif length > MAX_ID_LENGTH:
        yield f"the id has {length} characters, at most {MAX_ID_LENGTH} are allowed"
    elif not item_id.isprintable():
        yield f"the id {item_id!r} has a line break or another control character"
    elif item_id in lines:
        yield f"the id {item_id} is already on line {lines[item_id]}"
    if not cells["title"]:
        yield f"(id {item_id}) the title is empty"
    problem = _link_problem(cells["image_link"], folder)
    if problem:
        yield f"(id {item_id}) image_link {problem}"


def _link_problem(link: str, folder: Path) -> str:
    if not link:
        return "is empty"
    if _URL.match(link):
        return f"{link} is a URL; download the image and give its path relative to the feed"
    if Path(link).is_absolute():
        return f"{link} is absolute; give a path relative to the feed"
    place = folder / link
    try:
        # Resolved, so that neither '..' nor a symbolic link leads out.
        if not place.resolve().is_relative_to(folder.resolve()):
            return f"{link} leads out of the feed's folder"
        return "" if place.is_file() else f"{link} does not exist"
    except (OSError, RuntimeError) as error:  # too long a name, links in a circle
        return f"{link[:60]} cannot be followed ({error})"[:200]
