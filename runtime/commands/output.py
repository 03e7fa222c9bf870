"""How commands speak: JSON alone on stdout, everything for people on stderr or in tables."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, TypeVar
from unicodedata import category

import click

T = TypeVar("T")

json_option = click.option(
    "--json", "as_json", is_flag=True, help="Print one JSON object on stdout and nothing else."
)


def print_json(value: Any) -> None:
    """One JSON value on stdout, in ASCII: valid on every terminal, whatever the names hold."""
    click.echo(json.dumps(value))


def note(text: str) -> None:
    """A line for people, on stderr."""
    click.echo(text, err=True)


def printable(text: str) -> str:
    """Text of others on one line, without what would steer the terminal."""
    return "".join(" " if category(c) in ("Cc", "Cs") else c for c in text)


def printable_lines(text: str) -> str:
    """As `printable`, of several lines."""
    return "\n".join(map(printable, text.split("\n")))


def table(title: str, columns: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """A table for people, on stdout; cells may have several lines, columns of numbers are even."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    filled = [list(map(printable_lines, row)) for row in rows]
    view = Table(title=title, title_justify="left")
    for number, column in enumerate(columns):
        numbers = all(_numeric(row[number]) for row in filled)
        view.add_column(column, justify="right" if numbers else "left")
    for row in filled:
        view.add_row(*map(Text, row))  # as it is: a title may hold what looks like markup
    Console().print(view)


def _numeric(cell: str) -> bool:
    return cell == "-" or cell[:1].isdigit()


def progress(items: Iterable[T], *, label: str, total: int) -> Iterator[T]:
    """Iterate with a progress bar on stderr; silent where stderr is not a terminal."""
    from rich.console import Console
    from rich.progress import track

    console = Console(stderr=True)
    yield from track(
        items, description=label, total=total, console=console, disable=not console.is_terminal
    )
