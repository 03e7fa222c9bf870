from __future__ import annotations

import threading
import time

from runtime.kiosk.waiting import wait_for


def test_it_waits_until_the_event_or_the_end() -> None:
    event = threading.Event()
    begun = time.monotonic()
    assert not wait_for(event, 0.3)
    assert 0.3 <= time.monotonic() - begun < 1
    threading.Timer(0.05, event.set).start()
    assert wait_for(event)
    assert wait_for(event, 0.0)
