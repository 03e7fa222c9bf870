"""What everything that is closed has in common: the ``with`` block."""

from __future__ import annotations

from abc import ABC, abstractmethod
from types import TracebackType
from typing import TypeVar

Closed = TypeVar("Closed", bound="Closable")
Opened = TypeVar("Opened", bound="Openable")


class Closable(ABC):
    """Ready when made; closed at the end of a ``with`` block."""

    @abstractmethod
    def close(self) -> None:
        """Free everything; legal in every state and more than once."""

    def __enter__(self: Closed) -> Closed:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


class Openable(Closable):
    """Opened at the start of a ``with`` block and closed at its end."""

    @abstractmethod
    def open(self) -> object:
        """Take what is needed."""

    def __enter__(self: Opened) -> Opened:
        self.open()
        return self
