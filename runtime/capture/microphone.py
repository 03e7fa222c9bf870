"""The microphone protocol."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

SAMPLE_RATE = 16_000
"""Samples a second of all sound inside the program; signed 16 bit little-endian, one channel."""


@runtime_checkable
class Microphone(Protocol):
    """A source of sound. ``close`` is legal in every state."""

    def open(self) -> None:
        """Start capturing.

        Raises:
            MicrophoneError: there is no such device, or it did not start in time.
        """

    def read(self, timeout_s: float) -> bytes:
        """PCM not yet read (16 kHz mono int16), empty if none came in time.

        Raises:
            MicrophoneError: the device is lost; open it again.
        """

    def close(self) -> None:
        """Stop and free the device."""
