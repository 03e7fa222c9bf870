"""Which plan to ship, and why."""

from __future__ import annotations

from dataclasses import dataclass

from export.precision.plan import Precision, PrecisionPlan


@dataclass(frozen=True)
class Rejection:
    """A plan or a block that was not taken.

    Attributes:
        subject: name of the plan, or ``submodule/block``.
        precision: that it was refused.
        sentence: why, for people.
    """

    subject: str
    precision: Precision
    sentence: str


@dataclass(frozen=True)
class Recommendation:
    """The fastest plan within the accuracy budget.

    Attributes:
        plan: the plan to ship.
        budget: greatest drop of R@1 against FP32 allowed, a share (0.005 is half a point).
        proven: whether the interval of the drop lies within the budget, not only its middle.
        reasons: sentences for people, the most important first.
        rejections: plans and blocks that were not taken.
    """

    plan: PrecisionPlan
    budget: float
    proven: bool
    reasons: tuple[str, ...]
    rejections: tuple[Rejection, ...] = ()
