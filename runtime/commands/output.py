"""How commands speak: JSON alone on stdout, everything for people on stderr or in tables."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, TypeVar

import click

T = TypeVar("T")

json_option = click.option(
    "--json", "as_json", is_flag=True, help="Print one JSON object on stdout and nothing else."
)


def print_json(value: Any) -> None:
    """One JSON value on stdout."""
    click.echo(json.dumps(value, ensure_ascii=False))


def note(text: str) -> None:
    """A line for people, on stderr."""
    click.echo(text, err=True)


def table(title: str, columns: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """A table for people, on stdout."""
    from rich.console import Console
    from rich.table import Table

    view = Table(title=title, title_justify="left")
    for number, column in enumerate(columns):
        view.add_column(column, justify="left" if number == 0 else "right")
    for row in rows:
        view.add_row(*row)
    Console().print(view)


def progress(items: Iterable[T], *, label: str, total: int) -> Iterator[T]:
    """Iterate with a progress bar on stderr; silent where stderr is not a terminal."""
    from rich.console import Console
    from rich.progress import track

    console = Console(stderr=True)
    yield from track(
        items, description=label, total=total, console=console, disable=not console.is_terminal
    )
