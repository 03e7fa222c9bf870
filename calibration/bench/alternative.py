"""What is measured against what."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol


class Alternative(Protocol):
    """One way to do a piece of work; opened and closed by whoever made it."""

    @property
    def name(self) -> str:
        """Short and unique among those measured together, e.g. ``int8_step``."""

    @property
    def repeats(self) -> int:
        """Runs in one round; more for what is quick, so that its tail is known."""

    def run(self, number: int) -> object:
        """Do the work once; returns only when the result is there (a GPU has finished).

        Args:
            number: counts this alternative's runs; picks the input.
        """


@dataclass(frozen=True)
class Call:
    """A function as an alternative."""

    name: str
    work: Callable[[int], object]
    repeats: int = 1

    def run(self, number: int) -> object:
        """See `Alternative.run`."""
        return self.work(number)
