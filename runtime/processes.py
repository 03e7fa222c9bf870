"""How child processes end."""

from __future__ import annotations

import signal


def signal_name(number: int) -> str:
    """The name of a signal; of one that Python does not know, e.g. a real-time one, its number."""
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
