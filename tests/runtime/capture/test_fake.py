from __future__ import annotations

from pathlib import Path

import pytest

from runtime.capture import Camera, Microphone
from runtime.capture.fake import FakeCamera, FakeMicrophone
from runtime.capture.live_camera import LiveCamera
from runtime.capture.live_microphone import LiveMicrophone
from runtime.capture.reopening import ReopeningCamera, ReopeningMicrophone
from runtime.errors import CameraError, MicrophoneError
from tests.runtime.capture.media import shade

LOST = CameraError("lost", why="the test says so", fix="none")
DEAF = MicrophoneError("lost", why="the test says so", fix="none")


def test_all_cameras_and_microphones_keep_to_their_protocols() -> None:
    for camera in (FakeCamera([]), LiveCamera("0"), ReopeningCamera(lambda: FakeCamera([]))):
        assert isinstance(camera, Camera)
        camera.close()
    for microphone in (
        FakeMicrophone([]),
        LiveMicrophone(),
        ReopeningMicrophone(lambda: FakeMicrophone([])),
    ):
        assert isinstance(microphone, Microphone)
        microphone.close()


def test_a_fake_camera_gives_its_pictures_then_none() -> None:
    camera = FakeCamera([shade(1), shade(2)], fps=10)
    camera.open()
    frames = [camera.read(0.0) for _ in range(3)]
    assert [frame and (frame.index, frame.time_s) for frame in frames] == [(0, 0), (1, 0.1), None]
    camera.close()
    with pytest.raises(CameraError):
        camera.read(0.0)


def test_faults_come_at_the_reads_they_are_set_for() -> None:
    camera = FakeCamera([shade(1), shade(2)], faults={1: LOST})
    camera.open()
    assert camera.read(0.0) is not None
    with pytest.raises(CameraError):
        camera.read(0.0)
    frame = camera.read(0.0)
    assert frame is not None
    assert frame.index == 1


def test_a_fake_microphone_gives_its_blocks_then_nothing() -> None:
    microphone = FakeMicrophone([b"ab", b"cd"], faults={1: DEAF})
    microphone.open()
    assert microphone.read(0.0) == b"ab"
    with pytest.raises(MicrophoneError):
        microphone.read(0.0)
    assert [microphone.read(0.0), microphone.read(0.0)] == [b"cd", b""]
    microphone.close()
    with pytest.raises(MicrophoneError):
        microphone.read(0.0)


def test_a_missing_device_is_a_camera_error(tmp_path: Path) -> None:
    for source in ("999", "/dev/v4l/by-id/none", str(tmp_path / "none.mp4")):
        camera = LiveCamera(source)
        with pytest.raises(CameraError) as refusal:
            camera.open()
        assert refusal.value.fix
        camera.close()
