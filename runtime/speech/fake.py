"""A recognizer that reads from a script, where there is no speech model or no sound."""

from __future__ import annotations

from collections.abc import Sequence

from runtime.capture.microphone import SAMPLE_RATE
from runtime.speech.recognizer import Transcript


class ScriptedRecognizer:
    """A `Recognizer` that hears given words at given times.

    Args:
        script: pairs of seconds of sound and the word heard then, in order of time. Time is
            counted in bytes accepted since ``open``; ``reset`` forgets words but not time, as
            the speaker goes on.
    """

    def __init__(self, script: Sequence[tuple[float, str]]) -> None:
        self._script = script
        self._bytes = 0
        self._said = 0
        self._transcript = Transcript()

    def open(self) -> None:
        """Start at the beginning of the script."""
        self._bytes, self._said, self._transcript = 0, 0, Transcript()

    def accept(self, pcm: bytes) -> Transcript:
        """Words whose time has come become partial."""
        self._bytes += len(pcm)
        heard_s = self._bytes / (SAMPLE_RATE * 2)
        words = [word for time_s, word in self._script[self._said :] if time_s <= heard_s]
        self._said += len(words)
        partial = " ".join(filter(None, (self._transcript.partial, *words)))
        self._transcript = Transcript(self._transcript.final, partial)
        return self._transcript

    def finish(self) -> Transcript:
        """Partial words become final."""
        self._transcript = Transcript(self._transcript.text)
        return self._transcript

    def reset(self) -> None:
        """Forget everything heard."""
        self._transcript = Transcript()

    def close(self) -> None:
        """Nothing to free."""
