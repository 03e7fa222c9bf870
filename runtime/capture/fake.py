"""Cameras and microphones that need no hardware."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence

from runtime.capture.camera import BgrImage, Frame
from runtime.errors import CameraError, MicrophoneError, SgmnError

_NO_FAULTS: Mapping[int, SgmnError] = {}


class FakeCamera:
    """A `Camera` that gives pictures from a list, one a read, then None.

    Args:
        images: uint8 [H, W, 3], BGR.
        fps: frames a second of the times it stamps.
        faults: errors raised instead, by number of the read since ``open`` (from 0).
    """

    def __init__(
        self,
        images: Sequence[BgrImage],
        *,
        fps: float = 25.0,
        faults: Mapping[int, SgmnError] = _NO_FAULTS,
    ) -> None:
        self._images = images
        self._fps = fps
        self._faults = faults
        self._reads: int | None = None
        self._given = 0

    def open(self) -> None:
        """Start with the first picture."""
        self._reads, self._given = 0, 0

    def read(self, timeout_s: float) -> Frame | None:
        """The next picture; waits out the time-out where there is none, as a camera would."""
        if self._reads is None:
            raise CameraError("the camera gives no pictures", why="it is not open", fix="open it")
        fault = self._faults.get(self._reads)
        self._reads += 1
        if fault is not None:
            raise fault
        if self._given >= len(self._images):
            time.sleep(timeout_s)
            return None
        index, self._given = self._given, self._given + 1
        return Frame(self._images[index], index / self._fps, index)

    def close(self) -> None:
        """Stop."""
        self._reads = None


class FakeMicrophone:
    """A `Microphone` that gives blocks of PCM from a list, one a read, then nothing.

    Args:
        blocks: 16 kHz mono int16 each.
        faults: errors raised instead, by number of the read since ``open`` (from 0).
    """

    def __init__(
        self, blocks: Sequence[bytes], *, faults: Mapping[int, SgmnError] = _NO_FAULTS
    ) -> None:
        self._blocks = blocks
        self._faults = faults
        self._reads: int | None = None
        self._given = 0

    def open(self) -> None:
        """Start with the first block."""
        self._reads, self._given = 0, 0

    def read(self, timeout_s: float) -> bytes:
        """The next block; waits out the time-out where there is none, as a microphone would."""
        if self._reads is None:
            raise MicrophoneError(
                "the microphone gives no sound", why="it is not open", fix="open it"
            )
        fault = self._faults.get(self._reads)
        self._reads += 1
        if fault is not None:
            raise fault
        if self._given >= len(self._blocks):
            time.sleep(timeout_s)
            return b""
        index, self._given = self._given, self._given + 1
        return self._blocks[index]

    def close(self) -> None:
        """Stop."""
        self._reads = None
