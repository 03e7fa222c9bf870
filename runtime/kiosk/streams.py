"""The two endless answers: the screen as server-sent events, the camera as motion JPEG."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import suppress

from runtime.kiosk.hub import Hub, Latest

HEARTBEAT_S = 3.0
BOUNDARY = "frame"
RETRY_MS = 1000


async def screen_events(hub: Hub, heartbeat_s: float = HEARTBEAT_S) -> AsyncIterator[str]:
    """The whole screen at once and again after each change, with a beat when nothing changes."""
    yield f"retry: {RETRY_MS}\n\n"
    shown = -1
    async for latest in _changes(hub, heartbeat_s):
        if latest.version == shown:
            yield "event: beat\ndata: {}\n\n"
            continue
        shown = latest.version
        screen = {"version": shown, "picture": latest.picture_number, **latest.screen.as_dict()}
        yield f"id: {shown}\ndata: {json.dumps(screen, ensure_ascii=False)}\n\n"


async def picture_parts(hub: Hub) -> AsyncIterator[bytes]:
    """The frames that the engines saw, newest wins.

    Each part ends with the next part's boundary: browsers show a picture only once they have seen
    the boundary behind it.
    """
    yield f"--{BOUNDARY}\r\n".encode()
    shown = 0
    async for latest in _changes(hub, HEARTBEAT_S):
        if latest.picture_number == shown:
            continue
        shown = latest.picture_number
        head = f"Content-Type: image/jpeg\r\nContent-Length: {len(latest.picture)}\r\n\r\n"
        yield head.encode() + latest.picture + f"\r\n--{BOUNDARY}\r\n".encode()


async def _changes(hub: Hub, beat_s: float) -> AsyncIterator[Latest]:
    """The newest state now, after each change and every ``beat_s``, until the hub closes."""
    loop, woken = asyncio.get_running_loop(), asyncio.Event()

    def wake() -> None:
        # A writer may still hold this function just after the loop has ended.
        with suppress(RuntimeError):
            loop.call_soon_threadsafe(woken.set)

    unsubscribe = hub.subscribe(wake)
    try:
        while not (latest := hub.latest).closed:
            yield latest
            await _wait(woken, beat_s)
            woken.clear()
    finally:
        unsubscribe()


async def _wait(woken: asyncio.Event, timeout_s: float) -> None:
    with suppress(asyncio.TimeoutError):
        await asyncio.wait_for(woken.wait(), timeout_s)
