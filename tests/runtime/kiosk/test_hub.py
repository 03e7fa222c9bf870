from __future__ import annotations

import asyncio
import json
import threading
import time
from collections.abc import AsyncIterator

from runtime.events import Candidate, Event, EventKind
from runtime.kiosk.hub import Hub
from runtime.kiosk.state import Attention, ClipCard, DemoView, Hearing, Phase, Screen, Speech
from runtime.kiosk.streams import picture_parts, screen_events


def test_the_newest_screen_and_picture_win() -> None:
    hub = Hub()
    hub.change(phase=Phase.LIVE)
    hub.change(speech=Speech("salted", "crisps"))
    hub.show(b"one")
    hub.show(b"two")
    latest = hub.latest
    assert (latest.version, latest.screen.phase, latest.screen.speech.text) == (
        2,
        Phase.LIVE,
        "salted crisps",
    )
    assert (latest.picture_number, latest.picture) == (2, b"two")


def test_readers_are_woken_until_they_leave() -> None:
    hub, woken = Hub(), []
    leave = hub.subscribe(lambda: woken.append(hub.latest.version))
    hub.change(catalog_items=1)
    leave()
    hub.change(catalog_items=2)
    assert woken == [1]


def test_changes_from_many_threads_are_all_counted() -> None:
    hub = Hub()
    threads = [
        threading.Thread(target=lambda: [hub.change(catalog_items=i) for i in range(200)])
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert hub.latest.version == 800


def test_a_screen_is_json_with_nothing_left_out() -> None:
    candidate = Candidate("sto-001", "Onion crisps", 0.5, 0.9)
    screen = Screen(
        phase=Phase.LIVE,
        hearing=Hearing.ON,
        ranked=(candidate,),
        event=Event(EventKind.PRESENT, 1.0, "sto-001", 0.9, (candidate,)),
        latency_ms={"total": 1.234567},
        attention=Attention(1, (1.0,)),
        demo=DemoView((ClipCard(0, "01.mp4"),), playing=0),
    )
    fields = json.loads(json.dumps(screen.as_dict()))
    assert fields["hearing"] == "on"
    assert fields["event"]["product_id"] == "sto-001"
    assert fields["latency_ms"] == {"total": 1.23}
    assert fields["demo"]["clips"][0]["expected"] is None
    assert screen.obstacles() == ()
    assert Screen().obstacles() == ("starting",)


def test_a_slow_reader_skips_to_the_newest_and_blocks_nobody() -> None:
    async def read() -> tuple[list[int], float]:
        hub, seen = Hub(), []
        stream = _screens(hub)
        seen.append((await anext(stream))["catalog_items"])
        begun = time.perf_counter()
        for count in range(1, 1001):
            hub.change(catalog_items=count)
        spent = time.perf_counter() - begun
        seen.append((await anext(stream))["catalog_items"])
        hub.close()
        assert [screen async for screen in stream] == []
        return seen, spent

    seen, spent = asyncio.run(read())
    assert seen == [0, 1000]
    assert spent < 1.0


def test_a_quiet_stream_beats() -> None:
    async def read() -> list[str]:
        stream = screen_events(Hub(), heartbeat_s=0.01)
        lines = [await anext(stream) for _ in range(4)]
        await stream.aclose()  # type: ignore[attr-defined]
        return lines

    retry, first, *beats = asyncio.run(read())
    assert retry == "retry: 1000\n\n"
    assert first.startswith("id: 0\ndata: {")
    assert beats == ["event: beat\ndata: {}\n\n"] * 2


def test_picture_parts_end_with_the_next_boundary() -> None:
    async def read() -> list[bytes]:
        hub = Hub()
        stream = picture_parts(hub)
        parts = [await anext(stream)]
        for jpeg in (b"one", b"three"):
            hub.show(jpeg)
            parts.append(await anext(stream))
        hub.close()
        return [*parts, *[part async for part in stream]]

    assert asyncio.run(read()) == [
        b"--frame\r\n",
        b"Content-Type: image/jpeg\r\nContent-Length: 3\r\n\r\none\r\n--frame\r\n",
        b"Content-Type: image/jpeg\r\nContent-Length: 5\r\n\r\nthree\r\n--frame\r\n",
    ]


def test_a_reader_that_leaves_is_forgotten() -> None:
    async def read() -> Hub:
        hub = Hub()
        stream = screen_events(hub)
        await anext(stream)
        await anext(stream)
        await stream.aclose()  # type: ignore[attr-defined]
        return hub

    hub = asyncio.run(read())
    assert not hub._readers
    hub.change(catalog_items=1)


async def _screens(hub: Hub) -> AsyncIterator[dict[str, int]]:
    async for text in screen_events(hub):
        for line in text.splitlines():
            if line.startswith("data: {") and line != "data: {}":
                yield json.loads(line[6:])
