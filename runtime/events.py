"""What the screen is told: one event a step, JSON-ready and frozen."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Any


class EventKind(str, Enum):
    """The three things the screen can say."""

    PRESENT = "present"
    UNSURE = "unsure"
    NOTHING = "nothing"


@dataclass(frozen=True)
class Candidate:
    """One ranked product.

    Attributes:
        product_id: the catalog's id.
        title: the catalog's title.
        score: second-stage score; higher is better, comparable within one step only.
        confidence: calibrated probability in [0, 1] among the listed candidates and "none of them".
    """

    product_id: str
    title: str
    score: float
    confidence: float

    def as_dict(self) -> dict[str, Any]:
        """JSON-ready fields."""
        return {
            "product_id": self.product_id,
            "title": self.title,
            "score": round(self.score, 6),
            "confidence": round(self.confidence, 6),
        }


@dataclass(frozen=True)
class Event:
    """The decision after one step.

    Attributes:
        kind: present (one product), unsure (a few candidates) or nothing.
        time_s: media time of the step in seconds.
        product_id: the product, for ``present`` only.
        confidence: its calibrated probability in [0, 1]; of the best candidate otherwise.
        candidates: the products to show, best first; empty for ``nothing``.
    """

    kind: EventKind
    time_s: float
    product_id: str | None
    confidence: float
    candidates: tuple[Candidate, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        """JSON-ready fields."""
        return {
            "kind": self.kind.value,
            "time_s": round(self.time_s, 3),
            "product_id": self.product_id,
            "confidence": round(self.confidence, 6),
            "candidates": [c.as_dict() for c in self.candidates],
        }
