from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from runtime.capture.camera import Frame
from runtime.capture.fake import FakeCamera, FakeMicrophone
from runtime.capture.reopening import (
    Backoff,
    Reopening,
    ReopeningCamera,
    ReopeningMicrophone,
    State,
    Status,
)
from runtime.errors import CameraError, DependencyError, SgmnError
from tests.runtime.capture.media import shade

PATIENCE_S = 20.0
LOST = CameraError("lost", why="the test says so", fix="none")


def quick() -> Backoff:
    return Backoff(first_s=0.01, most_s=0.02)


class FlakyCamera(FakeCamera):
    """Opens only from the attempt it is told on."""

    attempts = 0
    works_from = 0
    trouble: Exception = LOST

    def open(self) -> None:
        type(self).attempts += 1
        if self.attempts < self.works_from:
            raise self.trouble
        super().open()


@pytest.fixture
def flaky(monkeypatch: pytest.MonkeyPatch) -> type[FlakyCamera]:
    for name, value in {"attempts": 0, "works_from": 0, "trouble": LOST}.items():
        monkeypatch.setattr(FlakyCamera, name, value)
    return FlakyCamera


Keep = Callable[..., Any]


@pytest.fixture
def keep() -> Iterator[Keep]:
    """Opens a reopening device and closes it after the test."""
    kept: list[Reopening[Any]] = []

    def make(kind: Callable[..., Reopening[Any]], *args: Any, **kwargs: Any) -> Reopening[Any]:
        device = kind(*args, backoff=quick(), **kwargs)
        kept.append(device)
        device.open()
        return device

    yield make
    for device in kept:
        device.close()


def read_until_something(device: Reopening[Any]) -> Any:
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        item = device.read(0.05)
        if item:
            return item
    pytest.fail(f"nothing came; {device.status}")


def wait_for(device: Reopening[Any], state: State) -> Status:
    deadline = time.monotonic() + PATIENCE_S
    while device.status.state is not state:
        if time.monotonic() > deadline:
            pytest.fail(f"not {state}: {device.status}")
        time.sleep(0.005)
    return device.status


def test_waits_double_and_are_shortened_by_chance() -> None:
    backoff = Backoff(first_s=1.0, most_s=30.0, jitter=0.2)
    waits = [backoff.next_s() for _ in range(8)]
    for wait_s, most_s in zip(waits, [1, 2, 4, 8, 16, 30, 30, 30], strict=True):
        assert 0.8 * most_s <= wait_s <= most_s
    assert len({wait_s / round(wait_s) for wait_s in waits[-3:]}) > 1
    backoff.reset()
    assert backoff.next_s() <= 1.0


def test_a_camera_that_works_is_live(keep: Keep) -> None:
    camera = keep(ReopeningCamera, lambda: FakeCamera([shade(1), shade(2)]))
    frame = read_until_something(camera)
    assert isinstance(frame, Frame)
    assert camera.status.state is State.LIVE
    assert camera.status.error is None
    assert camera.status.reopened == 0


def test_a_camera_that_fails_is_opened_again(keep: Keep) -> None:
    made: list[FakeCamera] = []

    def make() -> FakeCamera:
        made.append(FakeCamera([shade(len(made))], faults={1: LOST}))
        return made[-1]

    seen: list[Status] = []
    camera = keep(ReopeningCamera, make, on_state=seen.append)
    numbers = [int(read_until_something(camera).image[0, 0, 0]) // 8 for _ in range(3)]
    assert numbers == [0, 1, 2]
    camera.close()
    assert [status.state.value for status in seen] == [
        "starting",
        *["live", "lost"] * 2,
        "live",
        "closed",
    ]
    assert seen[2].error is LOST
    assert seen[-1].reopened == 2


def test_it_tries_for_ever_until_the_camera_is_there(keep: Keep, flaky: type[FlakyCamera]) -> None:
    flaky.works_from = 20
    camera = keep(ReopeningCamera, lambda: flaky([shade(1)]))
    assert camera.read(0.0) is None
    status = wait_for(camera, State.LOST)
    assert status.error is LOST
    assert read_until_something(camera).index == 0
    assert flaky.attempts == 20


@pytest.mark.parametrize(
    "trouble",
    [DependencyError("no library", why="absent", fix="install it"), RuntimeError("a driver bug")],
)
def test_whatever_goes_wrong_is_shown_and_tried_again(
    keep: Keep, flaky: type[FlakyCamera], trouble: Exception
) -> None:
    flaky.works_from, flaky.trouble = 3, trouble
    seen: list[Status] = []
    camera = keep(ReopeningCamera, lambda: flaky([shade(1)]), on_state=seen.append)
    assert read_until_something(camera).index == 0
    errors = [status.error for status in seen if status.state is State.LOST]
    assert all(isinstance(error, SgmnError) for error in errors)
    assert any("bug" in str(error) or error is trouble for error in errors)


def test_close_is_legal_in_every_state(keep: Keep, flaky: type[FlakyCamera]) -> None:
    camera = ReopeningCamera(lambda: FakeCamera([]))
    camera.close()
    assert camera.status.state is State.CLOSED
    flaky.works_from = 1_000_000
    lost = keep(ReopeningCamera, lambda: flaky([]))
    wait_for(lost, State.LOST)
    lost.close()
    assert lost.status.state is State.CLOSED
    tried = flaky.attempts
    time.sleep(0.1)
    assert flaky.attempts == tried, "a closed camera is left alone"
    lost.close()


def test_it_can_be_opened_again_after_close(keep: Keep) -> None:
    camera = keep(ReopeningCamera, lambda: FakeCamera([shade(1)]))
    read_until_something(camera)
    camera.close()
    assert camera.read(0.01) is None
    camera.open()
    assert read_until_something(camera).index == 0


class HangingCamera(FakeCamera):
    """Hangs in open until it is closed from elsewhere."""

    def __init__(self) -> None:
        super().__init__([])
        self.opening = threading.Event()
        self.closed = threading.Event()

    def open(self) -> None:
        self.opening.set()
        self.closed.wait(PATIENCE_S)

    def close(self) -> None:
        self.closed.set()


def test_reading_and_closing_do_not_wait_for_an_open_that_hangs(keep: Keep) -> None:
    hanging = HangingCamera()
    camera = keep(ReopeningCamera, lambda: hanging)
    assert hanging.opening.wait(PATIENCE_S)
    assert camera.read(0.01) is None
    assert camera.status.state is State.STARTING
    camera.close()
    assert hanging.closed.is_set()
    assert camera.status.state is State.CLOSED


def test_a_microphone_gives_no_sound_while_it_is_lost(
    keep: Keep,
) -> None:
    made: list[FakeMicrophone] = []

    def make() -> FakeMicrophone:
        made.append(FakeMicrophone([b"%d" % len(made)], faults={1: LOST}))
        return made[-1]

    microphone = keep(ReopeningMicrophone, make)
    assert [read_until_something(microphone) for _ in range(3)] == [b"0", b"1", b"2"]
    microphone.close()
    assert microphone.read(0.0) == b""
