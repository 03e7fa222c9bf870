"""How long runs show how far they are."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Protocol, TypeVar

T = TypeVar("T")


class Progress(Protocol):
    """Iterates and shows how far it is, as `runtime.commands.output.progress`."""

    def __call__(self, items: Iterable[T], *, label: str, total: int) -> Iterator[T]:
        """The same items, one by one."""


def no_progress(items: Iterable[T], *, label: str, total: int) -> Iterator[T]:
    """Iterate and show nothing, as within a bar that is shown already."""
    yield from items
