"""What the engines made of one demo clip."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from runtime.demo.store import DemoClip
from runtime.playback import Moment


@dataclass(frozen=True)
class Answer:
    """One clip, answered.

    Attributes:
        clip: which one.
        found: product id that the engines named, or None where they were not sure.
        confidence: of the best candidate, in [0, 1].
        transcript: what the recognizer heard.
        moments: all steps without their pictures, for the latency figures.
    """

    clip: DemoClip
    found: str | None
    confidence: float
    transcript: str
    moments: tuple[Moment, ...]

    @property
    def correct(self) -> bool:
        """Whether the engines named the expected product."""
        return self.found == self.clip.expected

    def as_dict(self) -> dict[str, Any]:
        """JSON-ready fields."""
        return {
            "clip": self.clip.name,
            "expected": self.clip.expected,
            "answer": self.found,
            "transcript": self.transcript,
            "correct": self.correct,
            "confidence": round(self.confidence, 6),
        }


def conclude(clip: DemoClip, moments: Sequence[Moment]) -> Answer:
    """The answer in the last moment of a clip, one at least."""
    last = moments[-1]
    event = last.step.event
    return Answer(clip, event.product_id, event.confidence, last.transcript.text, tuple(moments))
