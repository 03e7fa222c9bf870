"""Microphone and recognizer as one source of words that never fails."""

from __future__ import annotations

import time
from typing import Protocol

from runtime.capture.reopening import ReopeningMicrophone, State
from runtime.kiosk.state import Hearing, Speech
from runtime.kiosk.words import WordWindow
from runtime.speech.recognizer import Transcript

READ_S = 0.2


class SteadyRecognizer(Protocol):
    """A recognizer that restarts itself, as `runtime.speech.supervised.SupervisedRecognizer`."""

    live: bool

    def open(self) -> None:
        """Start; never raises."""

    def accept(self, pcm: bytes) -> Transcript:
        """The transcript so far; never raises."""

    def reset(self) -> None:
        """Forget everything heard; never raises."""

    def close(self) -> None:
        """End it; legal in every state and from every thread."""


class Ears:
    """Hears the words of the last seconds. One thread calls `open` and `listen`.

    Args:
        microphone: keeps itself open.
        recognizer: keeps itself alive.
        window: which words count.
    """

    def __init__(
        self, microphone: ReopeningMicrophone, recognizer: SteadyRecognizer, window: WordWindow
    ) -> None:
        self._microphone = microphone
        self._recognizer = recognizer
        self._window = window
        self._transcript = Transcript()

    def open(self) -> None:
        """Start both; the recognizer loads its model meanwhile."""
        self._microphone.open()
        self._recognizer.open()

    def listen(self) -> Speech:
        """Wait briefly for sound; the words that count now."""
        sound = self._microphone.read(READ_S)
        if sound or not self._recognizer.live:
            # Without sound too: this is where a dead recognizer starts again.
            self._transcript = self._recognizer.accept(sound)
        speech = self._window.hear(self._transcript, time.monotonic())
        if self._transcript.final and not speech.text:
            # All is forgotten, so the recognizer may forget as well: its transcript only grows.
            self._recognizer.reset()
            self._transcript = Transcript()
        return speech

    @property
    def state(self) -> Hearing:
        """What the page says of them."""
        state = self._microphone.status.state
        if state is State.STARTING:
            return Hearing.STARTING
        heard = state is State.LIVE and self._recognizer.live
        return Hearing.ON if heard else Hearing.LOST

    def close(self) -> None:
        """Stop both; legal in every state and from every thread."""
        self._microphone.close()
        self._recognizer.close()
