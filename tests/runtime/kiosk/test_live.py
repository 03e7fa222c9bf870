from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest

from runtime.capture.camera import Camera, Frame
from runtime.capture.fake import FakeCamera, FakeMicrophone
from runtime.capture.reopening import Backoff, ReopeningCamera, ReopeningMicrophone
from runtime.catalog.catalog import Item
from runtime.errors import CameraError, CatalogError, EngineError, StorageError
from runtime.events import Event, EventKind
from runtime.kiosk import live
from runtime.kiosk.ears import Ears
from runtime.kiosk.hub import Hub
from runtime.kiosk.live import LiveLoop
from runtime.kiosk.state import Hearing, Phase
from runtime.kiosk.words import WordWindow
from runtime.matcher import Step
from runtime.speech.fake import ScriptedRecognizer
from runtime.speech.supervised import SupervisedRecognizer
from tests.runtime.kiosk.stand_in import ColourMatcher, ListCatalog

RED, GREEN = (20, 20, 220), (20, 220, 20)
LOST = CameraError("no pictures", why="unplugged", fix="plug it in")
PATIENCE_S = 10.0


def picture(colour: tuple[int, int, int]) -> np.ndarray:
    return np.full((48, 64, 3), colour, np.uint8)


class FastMatcher(ColourMatcher):
    sampling_fps = 50.0


class BrokenMatcher(FastMatcher):
    def step(self, time_s: float) -> Step:
        raise EngineError("the engine failed", why="a test", fix="none")


class HangingCamera:
    """Never opens within any patience."""

    def __init__(self) -> None:
        self._closed = threading.Event()

    def open(self) -> None:
        self._closed.wait(60)

    def read(self, timeout_s: float) -> Frame | None:
        return None

    def close(self) -> None:
        self._closed.set()


@pytest.fixture
def catalog(tmp_path: Path) -> ListCatalog:
    items = []
    for name, colour in (("red", RED), ("green", GREEN)):
        image = tmp_path / f"{name}.png"
        cv2.imwrite(str(image), picture(colour))
        items.append(Item(name, f"{name} box", "", image))
    return ListCatalog(items)


class Rig:
    """A loop with everything it told."""

    def __init__(self, catalog: ListCatalog, kind: type[ColourMatcher] = FastMatcher) -> None:
        self.hub = Hub()
        self.events: list[Event] = []
        self.stale: list[str] = []
        self.matcher = kind(None, catalog)
        self.phases: list[Phase] = []
        self.hub.subscribe(self._note_phase)
        self.loop: LiveLoop | None = None

    def run(
        self,
        camera: Callable[[], Camera],
        ears: Ears | None = None,
        refresh: Callable[[], object] = lambda: None,
    ) -> LiveLoop:
        keeper = ReopeningCamera(camera, backoff=Backoff(0.02, 0.02))
        self.loop = LiveLoop(
            keeper, ears, self.matcher, self.hub, self.events.append, refresh, self.stale.append
        )
        self.loop.open()
        return self.loop

    def until(self, met: Callable[[], bool]) -> None:
        deadline = time.monotonic() + PATIENCE_S
        while not met():
            assert time.monotonic() < deadline, (self.hub.screen, self.events)
            time.sleep(0.005)

    def shown(self) -> list[tuple[EventKind, str | None]]:
        return [(event.kind, event.product_id) for event in self.events]

    def _note_phase(self) -> None:
        phase = self.hub.screen.phase
        if not self.phases or self.phases[-1] is not phase:
            self.phases.append(phase)


@pytest.fixture
def rig(catalog: ListCatalog) -> Iterator[Rig]:
    rig = Rig(catalog)
    yield rig
    if rig.loop is not None:
        rig.loop.close()


def test_what_the_camera_sees_is_shown_and_told_once(rig: Rig) -> None:
    rig.run(lambda: FakeCamera([picture(RED)] * 20 + [picture(GREEN)] * 40))
    rig.until(lambda: (EventKind.PRESENT, "green") in rig.shown())
    assert [product for _, product in rig.shown() if product] == ["red", "green"]
    assert rig.hub.screen.phase is Phase.LIVE
    assert rig.hub.screen.hearing is Hearing.OFF
    assert rig.hub.screen.ranked[0].product_id == "green"
    assert rig.hub.screen.attention is not None
    rig.until(lambda: rig.hub.latest.picture.startswith(b"\xff\xd8"))


def test_a_lost_camera_is_said_forgotten_and_comes_back(rig: Rig) -> None:
    camera = FakeCamera([picture(RED)] * 15, faults={10: LOST})
    rig.run(lambda: camera)
    rig.until(lambda: rig.phases.count(Phase.LIVE) == 2)
    assert rig.phases[:3] == [Phase.LIVE, Phase.CAMERA_LOST, Phase.LIVE]
    assert rig.matcher.resets == 2
    rig.until(lambda: [p for _, p in rig.shown()].count("red") == 2)
    first = rig.shown().index((EventKind.PRESENT, "red"))
    assert rig.shown()[first + 1] == (EventKind.NOTHING, None)


def test_a_camera_that_is_not_there_keeps_the_page_alive(rig: Rig) -> None:
    class NoCamera(FakeCamera):
        def open(self) -> None:
            raise LOST

    rig.run(lambda: NoCamera([]))
    rig.until(lambda: rig.hub.screen.phase is Phase.CAMERA_LOST)
    assert rig.hub.screen.obstacles() == ("camera lost",)


def test_words_reach_matcher_and_page(rig: Rig) -> None:
    recognizer = ScriptedRecognizer([(0.1, "green"), (0.2, "box")])
    microphone = FakeMicrophone([bytes(3200)] * 3)
    ears = Ears(
        ReopeningMicrophone(lambda: microphone), SupervisedRecognizer(recognizer), WordWindow()
    )
    rig.run(lambda: FakeCamera([picture(GREEN)] * 300), ears)
    rig.until(lambda: "green box" in rig.matcher.heard)
    assert rig.hub.screen.speech.text == "green box"
    assert rig.hub.screen.hearing is Hearing.ON


def test_words_alone_are_matched_while_the_camera_is_lost(rig: Rig) -> None:
    class NoCamera(FakeCamera):
        def open(self) -> None:
            raise LOST

    recognizer = ScriptedRecognizer([(0.1, "green"), (0.2, "box")])
    microphone = FakeMicrophone([bytes(3200)] * 3)
    ears = Ears(
        ReopeningMicrophone(lambda: microphone), SupervisedRecognizer(recognizer), WordWindow()
    )
    rig.run(lambda: NoCamera([]), ears)
    rig.until(lambda: bool(rig.hub.screen.ranked) and rig.matcher.heard[-1] == "green box")


def test_a_failing_engine_ends_the_loop_with_its_error(catalog: ListCatalog) -> None:
    rig = Rig(catalog, BrokenMatcher)
    loop = rig.run(lambda: FakeCamera([picture(RED)] * 9))
    with pytest.raises(EngineError):
        loop.wait(PATIENCE_S)
    loop.close()


def test_the_catalog_is_refreshed_between_steps(rig: Rig) -> None:
    refreshed = threading.Event()
    rig.run(lambda: FakeCamera([picture(RED)] * 9), refresh=refreshed.set)
    assert refreshed.wait(PATIENCE_S)


@pytest.mark.parametrize(
    "error",
    [
        CatalogError("the catalog is damaged", why="a test", fix="none"),
        StorageError("the catalog cannot be read", why="a test", fix="none"),
        sqlite3.OperationalError("database is locked"),
    ],
)
def test_a_refresh_that_fails_is_told_once_and_tried_again(
    rig: Rig, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    monkeypatch.setattr(live, "REFRESH_S", 0.0)
    tries: list[Exception] = []

    def refresh() -> None:
        tries.append(error)
        raise error

    rig.run(lambda: FakeCamera([picture(RED)] * 300), refresh=refresh)
    rig.until(lambda: len(tries) > 3 and (EventKind.PRESENT, "red") in rig.shown())
    assert rig.stale == [str(error)]


def test_a_microphone_that_starts_is_not_called_lost(rig: Rig) -> None:
    seen: list[Hearing] = []
    rig.hub.subscribe(lambda: seen.append(rig.hub.screen.hearing))
    microphone = FakeMicrophone([bytes(3200)] * 3)
    ears = Ears(
        ReopeningMicrophone(lambda: microphone),
        SupervisedRecognizer(ScriptedRecognizer([])),
        WordWindow(),
    )
    rig.run(lambda: FakeCamera([picture(RED)] * 300), ears)
    rig.until(lambda: Hearing.ON in seen)
    before = set(seen[: seen.index(Hearing.ON)])
    assert Hearing.STARTING in before
    assert Hearing.LOST not in before


def test_it_stops_while_the_camera_hangs(rig: Rig) -> None:
    loop = rig.run(HangingCamera)
    time.sleep(0.05)
    begun = time.monotonic()
    loop.close()
    assert time.monotonic() - begun < 2
    assert "live" not in {thread.name for thread in threading.enumerate()}


def test_close_is_legal_in_every_state(catalog: ListCatalog) -> None:
    rig = Rig(catalog)
    camera = ReopeningCamera(lambda: FakeCamera([]))
    loop = LiveLoop(camera, None, rig.matcher, rig.hub, rig.events.append)
    loop.close()
    with LiveLoop(camera, None, rig.matcher, rig.hub, rig.events.append) as loop:
        loop.wait(0.01)
    loop.close()
    loop.wait()
