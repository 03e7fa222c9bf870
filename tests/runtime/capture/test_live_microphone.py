"""The live microphone on a real sound server."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest

from runtime.capture import live_microphone
from runtime.capture.live_microphone import LiveMicrophone
from runtime.capture.reopening import Backoff, ReopeningMicrophone, State
from runtime.errors import DependencyError, MicrophoneError
from runtime.speech.child import VoskRecognizer
from tests.runtime.capture.media import tone, write_wav
from tests.runtime.capture.sound_server import PATIENCE_S, SoundServer, private_sound_server


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SoundServer]:
    """A server for the tests that leave it alone."""
    with private_sound_server(tmp_path_factory.mktemp("sound")) as server:
        server.start()
        yield server


@pytest.fixture
def own_server(tmp_path: Path) -> Iterator[SoundServer]:
    """A server to be killed; not yet started."""
    with private_sound_server(tmp_path) as server:
        yield server


@pytest.fixture
def microphone(server: SoundServer) -> Iterator[LiveMicrophone]:
    microphone = LiveMicrophone(open_timeout_s=PATIENCE_S)
    microphone.open()
    yield microphone
    microphone.close()


def read_until_lost(microphone: LiveMicrophone) -> MicrophoneError:
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        try:
            microphone.read(0.1)
        except MicrophoneError as error:
            return error
    pytest.fail("the loss was not noticed")


def read_until_sound(microphone: Any) -> bytes:
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        pcm = microphone.read(0.1)
        if pcm:
            assert isinstance(pcm, bytes)
            return pcm
    pytest.fail("no sound came")


def test_a_tone_in_the_room_is_heard(
    server: SoundServer, microphone: LiveMicrophone, tmp_path: Path
) -> None:
    player = server.play(write_wav(tmp_path / "tone.wav", tone(1_000, 1.5)))
    heard, deadline = bytearray(), time.monotonic() + PATIENCE_S
    while player.poll() is None and time.monotonic() < deadline:
        heard += microphone.read(0.2)
    assert player.wait(PATIENCE_S) == 0
    samples = np.frombuffer(bytes(heard), np.int16)
    loud = samples[np.abs(samples) > 100]
    assert len(loud) > 8_000
    spectrum = np.abs(np.fft.rfft(samples))
    assert np.argmax(spectrum) * 16_000 / len(samples) == pytest.approx(1_000, abs=5)
    assert microphone.dropped == 0


def test_a_spoken_sentence_is_understood(
    server: SoundServer, microphone: LiveMicrophone, assets: Path, speech_model: Path
) -> None:
    folder = assets / "speech" / "wavs"
    name, said, _ = (folder / "refs.tsv").read_text().splitlines()[0].split("\t")
    recognizer = VoskRecognizer(speech_model, timeout_s=PATIENCE_S)
    recognizer.open()
    try:
        recognizer.accept(microphone.read(0.1))
        server.play(folder / name).wait(PATIENCE_S)
        deadline = time.monotonic() + PATIENCE_S
        while not (heard := recognizer.accept(microphone.read(0.2))).final:
            if time.monotonic() > deadline:
                pytest.fail(f"no sentence came, only {heard}")
    finally:
        recognizer.close()
    assert heard.final == said


def test_a_quiet_room_is_told_from_a_dead_microphone(server: SoundServer, tmp_path: Path) -> None:
    microphone = LiveMicrophone(open_timeout_s=PATIENCE_S, silent_after_s=0.5)
    microphone.open()
    try:
        deadline = time.monotonic() + PATIENCE_S
        while not microphone.silent and time.monotonic() < deadline:
            microphone.read(0.2)
        assert microphone.silent
        player = server.play(write_wav(tmp_path / "tone.wav", tone(1_000, 0.3)))
        while microphone.silent and time.monotonic() < deadline:
            microphone.read(0.2)
        assert not microphone.silent
        assert player.wait(PATIENCE_S) == 0
    finally:
        microphone.close()


def test_sound_that_nobody_reads_is_dropped_from_the_oldest_on(server: SoundServer) -> None:
    microphone = LiveMicrophone(open_timeout_s=PATIENCE_S, buffer_s=0.3)
    microphone.open()
    try:
        deadline = time.monotonic() + PATIENCE_S
        while microphone.dropped < 3 and time.monotonic() < deadline:
            time.sleep(0.05)
        assert microphone.dropped >= 3
        assert len(microphone.read(0.0)) == 3 * 3_200
    finally:
        microphone.close()


def test_a_sound_server_that_hangs_is_a_loss(own_server: SoundServer) -> None:
    own_server.start()
    microphone = LiveMicrophone(open_timeout_s=PATIENCE_S)
    microphone.open()
    own_server.pause()
    try:
        error = read_until_lost(microphone)
        assert microphone.late
        assert "no sound for" in error.why
        second = LiveMicrophone(open_timeout_s=0.3)
        with pytest.raises(MicrophoneError):
            second.open()
        microphone.close()
    finally:
        own_server.go_on()
    microphone.open()
    assert read_until_sound(microphone)
    own_server.kill()
    assert read_until_lost(microphone).fix
    microphone.close()


def test_a_server_that_comes_late_and_dies_is_heard_each_time_it_is_there(
    own_server: SoundServer,
) -> None:
    """PortAudio freezes its list of devices when it starts, so it must start anew each time."""
    microphone = ReopeningMicrophone(
        lambda: LiveMicrophone(open_timeout_s=PATIENCE_S),
        backoff=Backoff(first_s=0.05, most_s=0.2),
    )
    microphone.open()
    try:
        for comeback in range(1, 3):
            wait_until_lost(microphone)
            assert microphone.read(0.0) == b""
            own_server.start()
            assert read_until_sound(microphone)
            assert microphone.status.state is State.LIVE
            assert microphone.status.reopened == comeback
            own_server.kill()
        wait_until_lost(microphone)
    finally:
        microphone.close()


def wait_until_lost(microphone: ReopeningMicrophone) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while microphone.status.state is not State.LOST:
        if time.monotonic() > deadline:
            pytest.fail(f"the loss was not noticed: {microphone.status}")
        microphone.read(0.1)


@pytest.mark.parametrize("device", ["no such microphone", 4_711])
def test_a_wrong_device_is_named(server: SoundServer, device: str | int) -> None:
    microphone = LiveMicrophone(device)
    with pytest.raises(MicrophoneError, match=f"microphone {device} gives no sound"):
        microphone.open()
    microphone.close()


def test_close_is_legal_in_every_state(server: SoundServer) -> None:
    microphone = LiveMicrophone(open_timeout_s=PATIENCE_S)
    microphone.close()
    with pytest.raises(MicrophoneError, match="not open"):
        microphone.read(0.0)
    microphone.open()
    microphone.open()
    microphone.close()
    microphone.close()
    assert not microphone.late
    assert microphone.dropped == 0
    microphone.open()
    assert read_until_sound(microphone)
    microphone.close()


def test_a_stream_that_fails_when_asked_is_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    class Stream:
        calls: ClassVar[list[str]] = []

        @property
        def active(self) -> bool:
            raise OSError("the sound system is gone")

        def abort(self) -> None:
            self.calls.append("abort")

        def close(self) -> None:
            self.calls.append("close")

    monkeypatch.setattr(live_microphone, "_open_streams", 1)
    capture = live_microphone._Capture(None, 1, 1.0, 1.0)
    monkeypatch.setattr(capture, "_open", Stream)
    with pytest.raises(OSError, match="is gone"):
        capture._run()
    assert Stream.calls == ["abort", "close"]
    assert live_microphone._open_streams == 0


def test_without_the_package_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sounddevice", None)
    with pytest.raises(DependencyError, match=r"sgmn-edge\[kiosk\]"):
        LiveMicrophone().open()


def test_without_portaudio_it_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """What importing sounddevice does where the system library is absent."""
    (tmp_path / "sounddevice.py").write_text("raise OSError('PortAudio library not found')\n")
    monkeypatch.delitem(sys.modules, "sounddevice", raising=False)
    monkeypatch.syspath_prepend(os.fspath(tmp_path))
    with pytest.raises(DependencyError, match="libportaudio2"):
        LiveMicrophone().open()
