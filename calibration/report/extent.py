"""How much a report measures."""

from __future__ import annotations

from dataclasses import dataclass, field

from calibration.measurement.steps import ROUNDS, WARM_UP, Conditions
from calibration.sensitivity.calibrations import COUNTS
from calibration.sensitivity.sweep import Effort


@dataclass(frozen=True)
class Extent:
    """How much is measured.

    Attributes:
        rounds: steps of each plan that are timed.
        warm_up: steps before them.
        blocks: of the sweep over blocks.
        counts: numbers of calibration pictures that are compared.
        judged: whether R@1 is measured of each way to calibrate.
    """

    rounds: int = ROUNDS
    warm_up: int = WARM_UP
    blocks: Effort = field(default_factory=Effort)
    counts: tuple[int, ...] = COUNTS
    judged: bool = True

    def conditions(self, threads: int, items: int) -> Conditions:
        """How steps are timed."""
        return Conditions(threads, items, self.rounds, self.warm_up)


FULL = Extent()
QUICK = Extent(
    rounds=60, warm_up=10, blocks=Effort(judged=0, rounds=0), counts=(16, 64), judged=False
)
