"""How child processes end, in words."""

from __future__ import annotations

import signal

from runtime.processes import signal_name


def test_signals_have_names() -> None:
    assert signal_name(signal.SIGKILL) == "SIGKILL"


def test_signals_that_python_does_not_name_have_numbers() -> None:
    # Between SIGRTMIN and SIGRTMAX, which alone have names.
    assert signal_name(signal.SIGRTMIN + 3) == f"signal {signal.SIGRTMIN + 3}"
