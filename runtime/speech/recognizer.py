"""The recognizer protocol and the transcript it gives."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, runtime_checkable


@dataclass(frozen=True)
class Transcript:
    """What has been heard since the recognizer was opened or reset.

    Attributes:
        final: finished utterances joined by blanks; never changes later.
        partial: the utterance still being spoken; may change.
    """

    final: str = ""
    partial: str = ""

    @property
    def text(self) -> str:
        """Finished and unfinished words together."""
        return f"{self.final} {self.partial}".strip()


@runtime_checkable
class Recognizer(Protocol):
    """Turns sound into words. ``close`` is legal in every state."""

    def open(self) -> None:
        """Load the speech model.

        Raises:
            SpeechError: the model is missing or damaged, or its process did not start.
        """

    def accept(self, pcm: bytes) -> Transcript:
        """Feed sound (16 kHz mono int16, any length) and get the transcript so far.

        Raises:
            SpeechError: the process died or did not answer in time; open it again.
        """

    def finish(self) -> Transcript:
        """End the utterance: the unfinished words become final."""

    def reset(self) -> None:
        """Forget everything heard."""

    def close(self) -> None:
        """End the process."""
