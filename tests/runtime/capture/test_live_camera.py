"""The live camera on real network streams, and on a capture that misbehaves on order."""

from __future__ import annotations

import shutil
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from runtime.capture import live_camera
from runtime.capture.camera import Frame
from runtime.capture.live_camera import LiveCamera
from runtime.capture.reopening import Backoff, ReopeningCamera, State
from runtime.errors import CameraError
from tests.runtime.capture.media import shade, write_clip

PATIENCE_S = 30.0


class Streamer:
    """A real ffmpeg that serves a moving test picture to one client on loopback."""

    def __init__(self) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.url = f"tcp://127.0.0.1:{self.port}"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        source = ["-re", "-f", "lavfi", "-i", "testsrc2=size=160x120:rate=20"]
        coding = ["-c:v", "mpeg2video", "-g", "5", "-f", "mpegts"]
        self._process = subprocess.Popen(
            ["ffmpeg", "-nostdin", "-v", "quiet", *source, *coding, f"{self.url}?listen=1"]
        )

    def pause(self) -> None:
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)

    def kill(self) -> None:
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            process.wait()


@pytest.fixture
def streamer() -> Iterator[Streamer]:
    if shutil.which("ffmpeg") is None:
        pytest.skip("ffmpeg is not installed")
    streamer = Streamer()
    yield streamer
    streamer.kill()


def open_patiently(camera: LiveCamera) -> None:
    """ffmpeg takes a moment before it listens."""
    deadline = time.monotonic() + PATIENCE_S
    while True:
        try:
            return camera.open()
        except CameraError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)


def read_frame(camera: Any) -> Frame:
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        frame = camera.read(0.1)
        if frame is not None:
            assert isinstance(frame, Frame)
            return frame
    pytest.fail("no frame came")


def read_until_lost(camera: LiveCamera) -> CameraError:
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        try:
            camera.read(0.1)
        except CameraError as error:
            return error
    pytest.fail("the loss was not noticed")


def test_a_stream_gives_moving_pictures_with_rising_times(streamer: Streamer) -> None:
    streamer.start()
    camera = LiveCamera(streamer.url)
    open_patiently(camera)
    try:
        frames = [read_frame(camera) for _ in range(10)]
    finally:
        camera.close()
    assert frames[0].image.shape == (120, 160, 3)
    assert all(a.time_s < b.time_s for a, b in pairwise(frames))
    assert all(a.index < b.index for a, b in pairwise(frames))
    assert not np.array_equal(frames[0].image, frames[-1].image)


def test_the_newest_frame_wins_over_a_slow_reader(streamer: Streamer) -> None:
    streamer.start()
    camera = LiveCamera(streamer.url)
    open_patiently(camera)
    try:
        first = read_frame(camera)
        time.sleep(0.6)
        second = read_frame(camera)
    finally:
        camera.close()
    assert second.index - first.index > 3
    assert second.time_s - first.time_s > 0.3


@pytest.mark.parametrize("how", ["kill", "pause"])
def test_a_stream_that_stops_is_lost(streamer: Streamer, how: str) -> None:
    streamer.start()
    camera = LiveCamera(streamer.url, lost_after_s=0.5)
    open_patiently(camera)
    read_frame(camera)
    getattr(streamer, how)()
    try:
        assert "no picture for" in read_until_lost(camera).why
    finally:
        camera.close()


def test_a_killed_and_restarted_stream_is_live_again(streamer: Streamer) -> None:
    camera = ReopeningCamera(
        lambda: LiveCamera(streamer.url, lost_after_s=0.5),
        backoff=Backoff(first_s=0.05, most_s=0.1),
    )
    camera.open()
    try:
        while camera.status.state is not State.LOST:
            assert camera.read(0.1) is None, "nobody serves yet"
        for comeback in range(1, 3):
            streamer.start()
            read_frame(camera)
            assert camera.status.state is State.LIVE
            assert camera.status.reopened == comeback
            streamer.kill()
            while camera.status.state is State.LIVE:
                camera.read(0.1)
            assert camera.status.error is not None
    finally:
        camera.close()
    assert camera.status.state is State.CLOSED


def test_a_file_that_ends_counts_as_lost(tmp_path: Path) -> None:
    camera = LiveCamera(str(write_clip(tmp_path / "a.mkv", [shade(1), shade(2)])), lost_after_s=0.2)
    camera.open()
    assert "no picture for" in read_until_lost(camera).why
    camera.close()


def test_a_password_in_the_source_is_not_shown() -> None:
    camera = LiveCamera("rtsp://admin:secret@127.0.0.1:1/stream", open_timeout_s=5)
    with pytest.raises(CameraError) as refusal:
        camera.open()
    assert "secret" not in str(refusal.value)
    assert "127.0.0.1" in str(refusal.value)


@pytest.mark.parametrize(
    ("source", "shown"),
    [
        ("rtsp://admin:se@cret@camera/stream", "rtsp://***@camera/stream"),
        ("rtsp://admin:se/cr@et@camera/stream", "rtsp://***@camera/stream"),
        ("rtsp://camera/stream", "rtsp://camera/stream"),
        ("rtsp://camera/stream@2", "rtsp://***@2"),
        ("/dev/v4l/by-id/a@b", "/dev/v4l/by-id/a@b"),
    ],
)
def test_nothing_before_the_last_at_sign_of_a_url_is_shown(source: str, shown: str) -> None:
    with pytest.raises(CameraError) as refusal:
        LiveCamera(source).read(0.0)
    assert refusal.value.what == f"camera {shown} gives no pictures"


class MisbehavingCapture:
    """Stands for cv2.VideoCapture: gives pictures from a list, the last one for ever."""

    def __init__(self, images: list[Any], *, hang_after: int | None = None) -> None:
        self.images = images
        self.hang_after = hang_after
        self.reads = 0
        self.let_go = threading.Event()
        self.released = threading.Event()

    def isOpened(self) -> bool:
        return True

    def read(self) -> tuple[bool, Any]:
        time.sleep(0.005)
        if self.reads == self.hang_after:
            self.let_go.wait(PATIENCE_S)
        image = self.images[min(self.reads, len(self.images) - 1)]
        self.reads += 1
        if isinstance(image, Exception):
            raise image
        return image is not None, image

    def release(self) -> None:
        self.released.set()


@pytest.fixture
def misbehave(monkeypatch: pytest.MonkeyPatch) -> Any:
    def arrange(images: list[Any], hang_after: int | None = None) -> MisbehavingCapture:
        capture = MisbehavingCapture(images, hang_after=hang_after)
        monkeypatch.setattr(live_camera, "_capture", lambda *_: capture)
        return capture

    return arrange


def test_a_camera_that_repeats_its_last_picture_is_lost(misbehave: Any) -> None:
    misbehave([shade(1), shade(2), shade(3)])
    camera = LiveCamera("rtsp://camera", frozen_after_s=0.2)
    camera.open()
    assert "the same picture" in read_until_lost(camera).why
    camera.close()


def test_reads_that_fail_now_and_then_do_no_harm(misbehave: Any) -> None:
    misbehave([shade(1), None, None, shade(2), np.zeros((0, 0, 3), np.uint8), shade(3)])
    camera = LiveCamera("rtsp://camera", frozen_after_s=60)
    camera.open()
    while read_frame(camera).index < 2:
        pass
    camera.close()


def test_grey_pictures_become_bgr(misbehave: Any) -> None:
    misbehave([np.full((4, 6), 9, np.uint8)])
    camera = LiveCamera("rtsp://camera")
    camera.open()
    np.testing.assert_array_equal(read_frame(camera).image, np.full((4, 6, 3), 9, np.uint8))
    camera.close()


def test_what_opencv_raises_reaches_the_reader(misbehave: Any) -> None:
    capture = misbehave([shade(1), RuntimeError("a bug in the driver")])
    camera = LiveCamera("rtsp://camera")
    with pytest.raises(CameraError, match="a bug in the driver"):  # noqa: PT012 - either may tell
        camera.open()
        raise read_until_lost(camera)
    camera.close()
    assert capture.released.wait(PATIENCE_S)


def test_an_open_that_hangs_meets_its_deadline(misbehave: Any) -> None:
    capture = misbehave([shade(1)], hang_after=0)
    camera = LiveCamera("rtsp://slow", open_timeout_s=0.2)
    with pytest.raises(CameraError, match=r"no picture within 0\.2 s"):
        camera.open()
    capture.let_go.set()
    assert capture.released.wait(PATIENCE_S), "its own thread frees it once the call returns"


def test_a_read_that_hangs_is_lost_and_can_be_closed(misbehave: Any) -> None:
    capture = misbehave([shade(1)], hang_after=3)
    camera = LiveCamera("rtsp://camera", lost_after_s=0.2)
    camera.open()
    assert "no picture for" in read_until_lost(camera).why
    camera.close()
    assert not capture.released.is_set(), "freeing it under a running read would crash"
    with pytest.raises(CameraError, match="still hangs"):
        camera.open()
    capture.let_go.set()
    assert capture.released.wait(PATIENCE_S)
    misbehave([shade(1)])
    open_patiently(camera)
    camera.close()


def test_close_is_legal_in_every_state(misbehave: Any) -> None:
    camera = LiveCamera("rtsp://camera")
    camera.close()
    misbehave([shade(1)])
    camera.open()
    camera.open()
    camera.close()
    camera.close()
    with pytest.raises(CameraError, match="not open"):
        camera.read(0.0)
    camera.open()
    read_frame(camera)
    camera.close()
