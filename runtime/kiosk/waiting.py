"""Waiting in the main thread without missing Ctrl-C."""

from __future__ import annotations

import threading
import time

_LOOK_S = 0.2


def wait_for(event: threading.Event, timeout_s: float | None = None) -> bool:
    """Wait until the event is set; False where the time ran out first.

    Python handles a signal between two steps of the main thread. One that arrives just before an
    endless wait begins would be handled when that wait ends, so no single wait is long.
    """
    deadline = None if timeout_s is None else time.monotonic() + timeout_s
    while not event.is_set():
        left_s = _LOOK_S if deadline is None else min(_LOOK_S, deadline - time.monotonic())
        if left_s <= 0:
            return False
        event.wait(left_s)
    return True
