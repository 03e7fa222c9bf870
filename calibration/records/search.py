"""What the search for a mixed plan visited."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from calibration.records.measurement import Cosine
from export.precision.plan import PrecisionPlan
from models.evaluation.metrics import Estimate

Move = Literal["start", "hold", "release"]


@dataclass(frozen=True)
class SearchStep:
    """One visit.

    Attributes:
        move: the start, a block held back, or a held one released.
        submodule: whose block; None for the start.
        block: None for the start.
        plan: the plan tried.
        query_cosine: of its query vectors to FP32's.
        r1_change: R@1 minus that of FP32, paired; None where the cheap measure had decided.
        within_budget: whether it met the budget.
        accepted: whether the search went on from it.
        why: the reason, a sentence.
    """

    move: Move
    submodule: str | None
    block: str | None
    plan: PrecisionPlan
    query_cosine: Cosine
    r1_change: Estimate | None
    within_budget: bool
    accepted: bool
    why: str
