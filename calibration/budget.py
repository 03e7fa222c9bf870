"""How much accuracy a precision plan may cost, and whether one stays within it."""

from __future__ import annotations

from dataclasses import dataclass

from models.evaluation.metrics import Estimate

R1_DROP = 0.005
"""Half a point."""


@dataclass(frozen=True)
class Budget:
    """The greatest loss allowed.

    Attributes:
        r1_drop: of R@1 against FP32, a share: 0.005 is half a point.
    """

    r1_drop: float = R1_DROP

    def allows(self, change: Estimate) -> bool:
        """Whether a change of R@1 is within the budget, as far as the clips can tell.

        The drop itself must be, and its interval must not lie beyond the budget as a whole.

        Args:
            change: R@1 minus that of FP32, paired; below 0 is worse.
        """
        least = -change.value if change.high is None else -change.high
        return -change.value <= self.r1_drop and least <= self.r1_drop

    def proven(self, change: Estimate) -> bool:
        """Whether the whole interval of a change is within the budget."""
        return change.low is not None and -change.low <= self.r1_drop

    def in_words(self, change: Estimate, answers: int) -> str:
        """What answers say of a change, and what they cannot, in sentences."""
        told = f"{_moved(change)} (budget {points(self.r1_drop)})."
        if not self.allows(change) or self.proven(change):
            return told
        if change.low is None:
            return f"{told} Clips of one product give no interval; this is no proof."
        told += f" {answers} answers cannot prove it: one is worth {points(1 / answers)},"
        return f"{told} and a drop of {points(-change.low)} is within the interval."


def points(share: float) -> str:
    """A share as points, e.g. ``2.3 points``."""
    amount = f"{share * 100:.1f}"
    return f"{amount} point" if amount == "1.0" else f"{amount} points"


def _moved(change: Estimate) -> str:
    interval = ""
    if change.low is not None and change.high is not None:
        interval = f", interval {change.low * 100:+.1f} to {change.high * 100:+.1f}"
    if change == Estimate(0.0, 0.0, 0.0):
        return "R@1 is that of FP32 for every product"
    if round(change.value, 4) == 0:
        return f"R@1 is that of FP32{interval}"
    word = "falls" if change.value < 0 else "rises"
    return f"R@1 {word} by {points(abs(change.value))}{interval}"
