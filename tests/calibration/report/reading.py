"""Reads pages of results as a browser would, without running anything."""

from __future__ import annotations

from html.parser import HTMLParser
from pathlib import Path

LOADED = ("src", "href", "srcset", "action", "data", "poster")


class Reader(HTMLParser):
    """Collects what a page shows, what it would load and what it links to."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.addresses: list[str] = []
        self.links: list[str] = []
        self.handlers: list[str] = []
        self._texts: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        where = self.links if tag == "a" else self.addresses
        where += [v or "" for name, v in attrs if name in LOADED]
        self.handlers += [name for name, _ in attrs if name.startswith("on")]

    def handle_data(self, data: str) -> None:
        self._texts.append(data)

    @property
    def text(self) -> str:
        """All text, with single blanks."""
        return " ".join(" ".join(self._texts).split())


def read(page: Path) -> Reader:
    """Read an HTML file."""
    reader = Reader()
    reader.feed(page.read_text(encoding="utf-8"))
    return reader
