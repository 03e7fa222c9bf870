"""A microphone, through PortAudio."""

from __future__ import annotations

import threading
import time
from collections import deque
from types import ModuleType
from typing import Any

from runtime.capture.microphone import SAMPLE_RATE
from runtime.errors import DependencyError, MicrophoneError, SgmnError

BLOCK_SAMPLES = 1_600
"""Samples PortAudio gives at a time: 0.1 s."""

_LATE_AFTER_S = 0.5
_FIX = "check plug and mute switch; `python -m sounddevice` lists the devices"

# PortAudio is one to a process and its calls may hang with the sound server. Whoever calls it holds
# this; whoever cannot get it in time knows that it hangs.
_PORTAUDIO = threading.Lock()
_open_streams = 0


class LiveMicrophone:
    """A `Microphone` on a sound device.

    A sound server that dies raises nothing: the callbacks stop, and that is what is watched.

    Args:
        device: number or part of the name of an input device; None for the system's default.
        open_timeout_s: the longest time from opening to the first sound.
        lost_after_s: without a callback for this long the microphone is lost.
        silent_after_s: after so many seconds of nothing but zeros ``silent`` is set.
        buffer_s: sound kept for a reader that is behind; older sound is dropped.
    """

    def __init__(
        self,
        device: int | str | None = None,
        *,
        open_timeout_s: float = 8.0,
        lost_after_s: float = 2.0,
        silent_after_s: float = 10.0,
        buffer_s: float = 5.0,
    ) -> None:
        self.device = device
        self._open_timeout_s = open_timeout_s
        self._lost_after_s = lost_after_s
        self._silent_after_s = silent_after_s
        self._buffer_s = buffer_s
        self._capture: _Capture | None = None
        self._zeros = 0

    @property
    def silent(self) -> bool:
        """Only zeros for long: the microphone is muted or dead, though the device runs."""
        return self._zeros >= self._silent_after_s * SAMPLE_RATE * 2

    @property
    def late(self) -> bool:
        """No sound for half a second; it may yet come."""
        capture = self._capture
        return capture is not None and capture.age_s() > _LATE_AFTER_S

    @property
    def dropped(self) -> int:
        """Blocks lost since ``open``, here or in the device, because nobody read them in time."""
        capture = self._capture
        return capture.dropped if capture is not None else 0

    def open(self) -> None:
        """Start capturing and wait for the first sound, up to the deadline.

        Raises:
            MicrophoneError: there is no such device, or it did not start in time.
            DependencyError: PortAudio or its Python package is not installed.
        """
        if self._capture is not None:
            return
        self._zeros = 0
        blocks = max(1, int(self._buffer_s * SAMPLE_RATE / BLOCK_SAMPLES))
        capture = _Capture(self.device, blocks, self._lost_after_s, self._open_timeout_s)
        capture.start()
        self._capture = capture
        try:
            capture.wait_for_sound()
        except SgmnError:
            self.close()
            raise

    def read(self, timeout_s: float) -> bytes:
        """PCM not yet read (16 kHz mono int16), empty if none came in time.

        Raises:
            MicrophoneError: the device is lost, or was not opened.
        """
        capture = self._capture
        if capture is None:
            raise _lost(self.device, "it is not open")
        pcm = capture.next(timeout_s)
        heard = pcm.rstrip(b"\0")
        self._zeros = len(pcm) - len(heard) + (0 if heard else self._zeros)
        return pcm

    def close(self) -> None:
        """Stop within two seconds; a native call that hangs is left behind to end by itself."""
        capture, self._capture = self._capture, None
        if capture is not None:
            capture.stop()


class _Capture:
    """One opening of a device: its thread makes every native call, so that only it can hang."""

    def __init__(
        self, device: int | str | None, blocks: int, lost_after_s: float, open_timeout_s: float
    ) -> None:
        self._device = device
        self._lost_after_s = lost_after_s
        self._open_timeout_s = open_timeout_s
        self._news = threading.Condition()
        self._blocks: deque[bytes] = deque(maxlen=blocks)
        self._stop = threading.Event()
        self._failure: SgmnError | None = None
        self._heard_s: float | None = None
        self._ended = False
        self.dropped = 0
        self._thread = threading.Thread(target=self._run, daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stop.set()
        with self._news:
            self._news.notify_all()
        self._thread.join(timeout=1.5)

    def age_s(self) -> float:
        """Seconds since the last callback; 0 before the first."""
        heard_s = self._heard_s
        return time.monotonic() - heard_s if heard_s is not None else 0.0

    def wait_for_sound(self) -> None:
        with self._news:
            self._news.wait_for(
                lambda: self._heard_s is not None or self._failure or self._stop.is_set(),
                self._open_timeout_s,
            )
            if self._failure is not None:
                raise self._failure
            if self._heard_s is None:
                closed = self._stop.is_set()
                why = "it was closed" if closed else f"no sound within {self._open_timeout_s:g} s"
                raise _lost(self._device, why)

    def next(self, timeout_s: float) -> bytes:
        deadline = time.monotonic() + timeout_s
        with self._news:
            while not self._blocks and not self._stop.is_set():
                self._raise_trouble()
                left_s = deadline - time.monotonic()
                if left_s <= 0:
                    break
                self._news.wait(min(left_s, 0.1))
            pcm = b"".join(self._blocks)
            self._blocks.clear()
        return pcm

    def _raise_trouble(self) -> None:
        if self._failure is not None:
            raise self._failure
        if self._ended:
            raise _lost(self._device, "its stream ended; was it unplugged?")
        if self.age_s() > self._lost_after_s:
            raise _lost(self._device, f"no sound for {self.age_s():.1f} s")

    def _run(self) -> None:
        try:
            stream = self._open()
        except SgmnError as failure:
            with self._news:
                self._failure = failure
                self._news.notify_all()
            return
        try:
            while not self._stop.wait(0.5):
                if not stream.active:  # finished_callback is not called for every kind of end
                    self._end()
        finally:
            _close(stream)

    def _open(self) -> Any:
        global _open_streams
        if not _PORTAUDIO.acquire(timeout=self._open_timeout_s):
            raise _lost(self._device, "the sound system hangs")
        try:
            sounddevice = _sounddevice(fresh=_open_streams == 0)
            stream = sounddevice.RawInputStream(
                samplerate=SAMPLE_RATE,
                blocksize=BLOCK_SAMPLES,
                device=self._device,
                channels=1,
                dtype="int16",
                callback=self._hear,
                finished_callback=self._end,
            )
            try:
                stream.start()
            except sounddevice.PortAudioError:
                stream.close()
                raise
            _open_streams += 1
            return stream
        except SgmnError:
            raise
        except Exception as failure:
            # PortAudioError (no device), ValueError (wrong name) and what drivers think of.
            raise _lost(self._device, str(failure).replace("\n", " ")) from failure
        finally:
            _PORTAUDIO.release()

    def _hear(self, data: Any, _frames: int, _time: Any, status: Any) -> None:
        """Copy and go: PortAudio waits for this."""
        with self._news:
            self.dropped += bool(status) + (len(self._blocks) == self._blocks.maxlen)
            self._blocks.append(bytes(data))
            self._heard_s = time.monotonic()
            self._news.notify_all()

    def _end(self) -> None:
        with self._news:
            self._ended = True
            self._news.notify_all()


def _close(stream: Any) -> None:
    global _open_streams
    with _PORTAUDIO:
        stream.abort()
        stream.close()
        _open_streams -= 1


def _sounddevice(*, fresh: bool) -> ModuleType:
    """Import sounddevice; ``fresh`` makes PortAudio look for devices plugged in since."""
    try:
        import sounddevice
    except ImportError as failure:
        raise DependencyError(
            "the microphone cannot be used",
            why="the Python package sounddevice is not installed",
            fix='pip install "sgmn-edge[kiosk]"',
        ) from failure
    except OSError as failure:
        raise DependencyError(
            "the microphone cannot be used",
            why=f"PortAudio is not installed ({failure})",
            fix="apt install libportaudio2",
        ) from failure
    if fresh:
        if sounddevice._initialized:
            sounddevice._terminate()
        sounddevice._initialize()
    module: ModuleType = sounddevice
    return module


def _lost(device: int | str | None, why: str) -> MicrophoneError:
    name = "the default microphone" if device is None else f"microphone {device}"
    return MicrophoneError(f"{name} gives no sound", why=why, fix=_FIX)
