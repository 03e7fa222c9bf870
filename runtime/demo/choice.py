"""The clip that somebody at the page wants to see next."""

from __future__ import annotations

import threading


class Choice:
    """Carries a wish from the page to the player; the newest wish wins. Safe from every thread.

    Args:
        count: how many clips there are.
    """

    def __init__(self, count: int) -> None:
        self._count = count
        self._made = threading.Event()
        self._lock = threading.Lock()
        self._number: int | None = None

    def make(self, number: int) -> bool:
        """Wish for a clip by number from 0; False where there is none."""
        if not 0 <= number < self._count:
            return False
        with self._lock:
            self._number = number
            self._made.set()
        return True

    def cancel(self) -> None:
        """Interrupt whoever waits without wishing for anything."""
        self._made.set()

    @property
    def pending(self) -> bool:
        """Whether something was wished for, or cancelled, and not yet taken."""
        return self._made.is_set()

    def wait(self, timeout_s: float) -> None:
        """Return early when a wish is made."""
        self._made.wait(timeout_s)

    def take(self) -> int | None:
        """The wish, once."""
        with self._lock:
            self._made.clear()
            number, self._number = self._number, None
        return number
