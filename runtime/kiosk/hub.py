"""The one place where engines leave what the screen shows and pages pick it up."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

from runtime.kiosk.state import Screen


@dataclass(frozen=True)
class Latest:
    """The newest of everything.

    Attributes:
        screen: what to show.
        version: grows with every change of the screen.
        picture: JPEG of the newest frame that the engines saw, empty before the first.
        picture_number: grows with every picture; 0 before the first.
        closed: whether nothing more will come.
    """

    screen: Screen = field(default_factory=Screen)
    version: int = 0
    picture: bytes = b""
    picture_number: int = 0
    closed: bool = False


class Hub:
    """Holds the newest state for any number of readers. Safe to use from every thread.

    Nothing is queued: a reader that is slow skips to the newest state, and a writer never waits
    for a reader.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._latest = Latest()
        self._readers: set[Callable[[], None]] = set()

    @property
    def latest(self) -> Latest:
        """The newest state, consistent in itself."""
        return self._latest

    @property
    def screen(self) -> Screen:
        """The newest screen."""
        return self._latest.screen

    def change(self, **fields: Any) -> None:
        """Replace fields of the screen (see `Screen`) and wake the readers."""
        with self._lock:
            screen = replace(self._latest.screen, **fields)
            self._latest = replace(self._latest, screen=screen, version=self._latest.version + 1)
        self._wake()

    def show(self, jpeg: bytes) -> None:
        """Replace the picture and wake the readers."""
        with self._lock:
            number = self._latest.picture_number + 1
            self._latest = replace(self._latest, picture=jpeg, picture_number=number)
        self._wake()

    def subscribe(self, wake: Callable[[], None]) -> Callable[[], None]:
        """Have ``wake`` called after each change, from the writer's thread; it must not block.

        Returns:
            the function that ends the subscription.
        """
        with self._lock:
            self._readers.add(wake)
        return lambda: self._forget(wake)

    def close(self) -> None:
        """Tell the readers that nothing more will come; legal more than once."""
        with self._lock:
            self._latest = replace(self._latest, closed=True)
        self._wake()

    def _forget(self, wake: Callable[[], None]) -> None:
        with self._lock:
            self._readers.discard(wake)

    def _wake(self) -> None:
        with self._lock:
            readers = tuple(self._readers)
        for wake in readers:
            wake()
