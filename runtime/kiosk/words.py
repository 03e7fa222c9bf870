"""The words that count: those of the last seconds."""

from __future__ import annotations

from dataclasses import dataclass

from runtime.kiosk.state import Speech
from runtime.speech.recognizer import Transcript

WINDOW_S = 15.0


@dataclass(frozen=True)
class Utterance:
    """Finished words and when they were finished, in seconds."""

    words: str
    time_s: float


class WordWindow:
    """Forgets finished words after a while: a salesperson moves on to the next product.

    Args:
        seconds: how long finished words count.
    """

    def __init__(self, seconds: float = WINDOW_S) -> None:
        self._seconds = seconds
        self._final = ""
        self._kept: tuple[Utterance, ...] = ()

    def hear(self, transcript: Transcript, now_s: float) -> Speech:
        """The words that count now, given the recognizer's transcript so far."""
        fresh = self._fresh(transcript.final)
        self._final = transcript.final
        if fresh:
            self._kept += (Utterance(fresh, now_s),)
        self._kept = tuple(u for u in self._kept if now_s - u.time_s < self._seconds)
        return Speech(" ".join(u.words for u in self._kept), transcript.partial)

    def _fresh(self, final: str) -> str:
        """What was added; a transcript that does not go on from the last one was begun anew."""
        if final.startswith(self._final):
            return final[len(self._final) :].strip()
        return final
