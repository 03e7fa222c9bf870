"""From ranked scores to what the screen says."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from runtime.bundle.manifest import Decision
from runtime.events import Candidate, Event, EventKind

SHOWN_CANDIDATES = 5


def confidences(scores: npt.NDArray[np.float32], rule: Decision) -> npt.NDArray[np.float32]:
    """Calibrated probability of each score against the others and against "none of these".

    Args:
        scores: float32 [n].
        rule: temperature and the score of "none of these".

    Returns:
        float32 [n]; sums to less than 1, the rest belongs to "none of these".
    """
    logits = np.append(scores, np.float32(rule.open_set_score)).astype(np.float64)
    logits = (logits - logits.max()) / rule.temperature
    weights = np.exp(logits)
    chances: npt.NDArray[np.float32] = (weights / weights.sum())[:-1].astype(np.float32)
    return chances


def verdict(candidates: Sequence[Candidate], rule: Decision, time_s: float) -> Event:
    """The decision on one step alone.

    Args:
        candidates: best first, with confidences.
        rule: the thresholds.
        time_s: media time of the step.
    """
    best = candidates[0] if candidates else None
    if best is None or best.confidence < rule.unsure:
        return Event(EventKind.NOTHING, time_s, None, best.confidence if best else 0.0)
    shown = tuple(candidates[:SHOWN_CANDIDATES])
    if best.confidence < rule.present:
        return Event(EventKind.UNSURE, time_s, None, best.confidence, shown)
    return Event(EventKind.PRESENT, time_s, best.product_id, best.confidence, shown)


class Hysteresis:
    """Keeps the screen from flickering: what is shown changes only after agreement over steps.

    Args:
        rule: ``hold_steps`` verdicts in a row that agree change what is shown; as many in a row
            against the shown product that do not agree clear it.
    """

    def __init__(self, rule: Decision) -> None:
        self._rule = rule
        self.reset()

    def reset(self) -> None:
        """Forget the shown product."""
        self._shown: str | None = None
        self._wanted: str | None = None
        self._agreed = 0
        self._against = 0
        self._told: Event | None = None

    def settle(self, event: Event) -> Event:
        """The event for the screen, given the verdict of this step."""
        self._agreed = self._agreed + 1 if event.product_id == self._wanted else 1
        self._wanted = event.product_id
        self._against = 0 if event.product_id == self._shown else self._against + 1
        if self._agreed >= self._rule.hold_steps:
            self._shown, self._against = self._wanted, 0
        elif self._against >= self._rule.hold_steps:
            self._shown = None
        self._told = event if self._shown == event.product_id else self._held(event)
        return self._told

    def _held(self, event: Event) -> Event:
        """What is shown, against the verdict of this step."""
        if self._shown is None or self._told is None:
            kind = EventKind.UNSURE if event.candidates else EventKind.NOTHING
            return replace(event, kind=kind, product_id=None)
        for candidate in event.candidates:
            if candidate.product_id == self._shown:
                return replace(
                    event,
                    kind=EventKind.PRESENT,
                    product_id=self._shown,
                    confidence=candidate.confidence,
                )
        # It is not even a candidate of this step: the screen stays as it was.
        return replace(self._told, time_s=event.time_s)
