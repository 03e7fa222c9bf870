"""The live kiosk: camera and microphone in, products on the hub."""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Callable
from typing import Protocol

from runtime.capture.camera import BgrImage, Frame
from runtime.capture.reopening import ReopeningCamera, State
from runtime.errors import CatalogError, StorageError
from runtime.events import Event, EventKind
from runtime.kiosk.ears import Ears
from runtime.kiosk.hub import Hub
from runtime.kiosk.picture import as_jpeg, as_overlay
from runtime.kiosk.state import Hearing, Phase, Speech
from runtime.kiosk.waiting import wait_for
from runtime.lifecycle import Openable
from runtime.matcher import Step

STOP_S = 2.0
REFRESH_S = 5.0


class StreamMatcher(Protocol):
    """What the loop needs of `runtime.matcher.Matcher`."""

    @property
    def sampling_fps(self) -> float:
        """Frames a second to take from a stream."""

    def reset(self) -> None:
        """Forget everything."""

    def see(self, image: BgrImage, time_s: float) -> None:
        """Remember a frame."""

    def hear(self, words: str) -> None:
        """Replace the words."""

    def step(self, time_s: float) -> Step:
        """Match."""


class LiveLoop(Openable):
    """Runs until closed. What is lost comes back by itself; only a failing engine ends it.

    One thread owns the matcher and takes the camera's newest frame at the sampling rate; another
    one listens, so that a recognizer at work never delays a step.

    Args:
        camera: keeps itself open.
        ears: microphone and recognizer, or None for pictures alone.
        matcher: used by one thread only.
        hub: told of everything.
        on_event: told when the kind of event or the product changes.
        refresh: called every few seconds between two steps, to move to a newly published catalog.
            Where that fails, the old one stays and it is tried again.
        on_stale: told why a refresh failed; once, however often it is tried again.
    """

    def __init__(
        self,
        camera: ReopeningCamera,
        ears: Ears | None,
        matcher: StreamMatcher,
        hub: Hub,
        on_event: Callable[[Event], None],
        refresh: Callable[[], object] = lambda: None,
        on_stale: Callable[[str], None] = lambda why: None,
    ) -> None:
        self._camera = camera
        self._ears = ears
        self._matcher = matcher
        self._hub = hub
        self._on_event = on_event
        self._refresh = refresh
        self._on_stale = on_stale
        self._stop = threading.Event()
        self._ended = threading.Event()
        self._failure: BaseException | None = None
        self._threads: list[threading.Thread] = []
        self._speech = Speech()
        self._words = ""
        self._told: tuple[EventKind, str | None] | None = None
        self._refreshed_s = 0.0
        self._stale = ""
        self._reopened = 0

    def open(self) -> None:
        """Start; waits for nothing."""
        self._camera.open()
        jobs = [self._match] if self._ears is None else [self._match, self._listen]
        for job in jobs:
            thread = threading.Thread(target=self._guarded, args=(job,), name="live", daemon=True)
            self._threads.append(thread)
            thread.start()

    def wait(self, timeout_s: float | None = None) -> None:
        """Wait until the loop ends.

        Raises:
            SgmnError: an engine or the catalog failed for good.
        """
        wait_for(self._ended, timeout_s)
        if self._failure is not None:
            raise self._failure

    def close(self) -> None:
        """Stop within two seconds; legal in every state."""
        self._stop.set()
        self._close_devices()
        deadline = time.monotonic() + STOP_S
        while self._threads:
            self._threads.pop().join(max(0.0, deadline - time.monotonic()))
        # Once more: a speech process may have been born while the first call found none.
        self._close_devices()
        self._ended.set()

    def _close_devices(self) -> None:
        self._camera.close()
        if self._ears is not None:
            self._ears.close()

    def _guarded(self, job: Callable[[], None]) -> None:
        try:
            job()
        except Exception as failure:  # noqa: BLE001 - handed to whoever waits for the loop
            if not self._stop.is_set():
                self._failure = failure
                self._ended.set()

    def _listen(self) -> None:
        ears = self._ears
        if ears is None:
            return
        self._hub.change(hearing=Hearing.STARTING)
        ears.open()
        while not self._stop.is_set():
            speech, hearing = ears.listen(), ears.state
            if speech != self._speech or hearing is not self._hub.screen.hearing:
                self._speech = speech
                self._hub.change(speech=speech, hearing=hearing)

    def _match(self) -> None:
        self._matcher.reset()
        period_s = 1 / self._matcher.sampling_fps
        due_s = time.monotonic()
        while not self._stop.wait(max(0.0, due_s - time.monotonic())):
            # A late step is not made up for: the newest frame is the one that counts.
            due_s = max(due_s + period_s, time.monotonic())
            self._freshen()
            frame = self._camera.read(period_s / 2)
            self._follow_camera()
            self._take(frame, self._speech.text)

    def _freshen(self) -> None:
        now_s = time.monotonic()
        if now_s - self._refreshed_s >= REFRESH_S:
            self._refreshed_s = now_s
            stale = ""
            try:
                self._refresh()
            except (CatalogError, StorageError, sqlite3.Error) as error:
                stale = str(error)
            if stale and stale != self._stale:
                self._on_stale(stale)
            self._stale = stale

    def _follow_camera(self) -> None:
        status, phase = self._camera.status, self._hub.screen.phase
        # A gap shorter than a step shows only in the count.
        gap = status.state is State.LOST or status.reopened != self._reopened
        self._reopened = status.reopened
        if gap and phase is not Phase.CAMERA_LOST:
            self._forget()
        if status.state is State.LIVE and self._hub.screen.phase is not Phase.LIVE:
            self._hub.change(phase=Phase.LIVE)

    def _forget(self) -> None:
        """What the camera saw before a gap says nothing about what comes after it."""
        self._matcher.reset()
        self._words = ""
        nothing = Event(EventKind.NOTHING, time.monotonic(), None, 0.0)
        self._hub.change(phase=Phase.CAMERA_LOST, event=nothing, ranked=(), attention=None)
        self._tell(nothing)

    def _take(self, frame: Frame | None, words: str) -> None:
        """One step, where there is anything new to step on."""
        if frame is None and words == self._words:
            return
        self._words = words
        self._matcher.hear(words)
        if frame is not None:
            self._matcher.see(frame.image, frame.time_s)
        step = self._matcher.step(time.monotonic())
        self._hub.change(
            event=step.event,
            ranked=step.candidates,
            latency_ms=step.latency_ms,
            attention=as_overlay(step.attention),
        )
        self._tell(step.event)
        if frame is not None:
            self._hub.show(as_jpeg(frame.image))

    def _tell(self, event: Event) -> None:
        now = (event.kind, event.product_id)
        if now != self._told:
            self._told = now
            self._on_event(event)
