"""Merchant feeds: a CSV or TSV file with one product a row."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from runtime.catalog.catalog import Item
from runtime.catalog.table import Problems, read_table
from runtime.errors import FeedError

REQUIRED = ("id", "title", "description", "image_link")
GROUP = "item_group_id"
MAX_ID_LENGTH = 50
CORRECT = "correct the feed and run the command again; nothing was changed"

_URL = re.compile(r"[a-z][a-z0-9+.-]*://|data:", re.IGNORECASE)


@dataclass(frozen=True)
class FeedRow:
    """A product and the line of the feed on which it begins, counted from 1."""

    line: int
    item: Item

    @property
    def name(self) -> str:
        """What errors call the row."""
        return f"line {self.line} (id {self.item.id})"


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
    problems = Problems(feed, CORRECT)
    rows: list[FeedRow] = []
    lines: dict[str, int] = {}
    for line, named in read_table(feed, REQUIRED, problems):
        for problem in _cell_problems(named, feed.parent, lines):
            problems.add(f"line {line}: {problem}")
        lines.setdefault(named["id"], line)
        rows.append(FeedRow(line, _item(feed.parent, named)))
    problems.raise_if_any()
    if not rows:
        why = "there is no row below the column names"
        raise FeedError(f"{feed} has no products", why=why, fix=CORRECT)
    return rows


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
