"""Ctrl-C and SIGTERM, noted so that a run can keep its state before it ends."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Interrupts:
    """Signals that came; a second one ends the program at once."""

    def __init__(self) -> None:
        self.came = False

    def note(self, number: int, frame: FrameType | None) -> None:
        """Handle a signal."""
        if self.came:
            raise KeyboardInterrupt
        self.came = True


@contextmanager
def noted_interrupts() -> Iterator[Interrupts]:
    """Within the block signals are noted; outside the main thread Python lets nobody note them."""
    interrupts = Interrupts()
    if threading.current_thread() is not threading.main_thread():
        yield interrupts
        return
    before = {number: signal.getsignal(number) for number in SIGNALS}
    for number, handler in before.items():
        if handler is not signal.SIG_IGN:
            signal.signal(number, interrupts.note)
    try:
        yield interrupts
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
