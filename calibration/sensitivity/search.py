"""Greedy search for a mixed plan within an accuracy budget.

Blocks are held back from INT8 in order of their sensitivity until the budget is met; then those
that were held are released again, the least sensitive first, as long as it stays met. Blocks that
INT8 makes slower are held from the start. The cheap measure, likeness of query vectors, decides
where it can: a plan that is less alike than wanted is not asked for clips.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from calibration.budget import Budget
from calibration.measurement.measurer import Measurer
from calibration.records.measurement import Cosine
from calibration.records.search import Move, SearchStep
from calibration.records.sensitivity import Sensitivity
from export.precision.plan import PrecisionPlan
from models.evaluation.metrics import Estimate
from runtime.catalog.progress import Progress, no_progress

MIXED = "mixed"
"""Name of the plan that the search finds."""

COSINE = 0.99
"""Mean cosine of query vectors that a plan must keep."""


@dataclass(frozen=True)
class Found:
    """What the search ended with.

    Attributes:
        plan: the last plan accepted.
        within_budget: whether it meets the budget; if not, no plan of this kind does.
        steps: all visits in order.
    """

    plan: PrecisionPlan
    within_budget: bool
    steps: tuple[SearchStep, ...]


@dataclass
class Search:
    """A search; `run` it once.

    Attributes:
        measurer: measures and remembers.
        start: the plan with everything in INT8 that may be.
        sensitivities: of its blocks, the most sensitive first; whole submodules are skipped.
        budget: of R@1.
        cosine: mean cosine of query vectors to FP32's that a plan must keep.
        name: of the plan found.
        progress: shows progress.
    """

    measurer: Measurer
    start: PrecisionPlan
    sensitivities: Sequence[Sensitivity]
    budget: Budget
    cosine: float = COSINE
    name: str = MIXED
    progress: Progress = no_progress
    _steps: list[SearchStep] = field(default_factory=list, init=False)

    def run(self) -> Found:
        """Search.

        Raises:
            SgmnError: a bundle cannot be built or does not run.
        """
        blocks = [one for one in self.sensitivities if one.block is not None]
        slow = [one for one in blocks if one.is_slower]
        plan, met = self._begin(slow)
        held: list[Sensitivity] = []
        quick = [one for one in blocks if one not in slow]
        for one in self.progress(quick, label="Holding blocks back", total=len(quick)):
            if met:
                break
            plan, met, better = self._hold(plan, one)
            held += [one] if better else []
        # The last one held is what met the budget: only those before it may be too many.
        spare = list(reversed(held[:-1])) if met else []
        for one in self.progress(spare, label="Releasing blocks", total=len(spare)):
            plan = self._release(plan, one)
        return Found(plan, met, tuple(self._steps))

    def _begin(self, slow: Sequence[Sensitivity]) -> tuple[PrecisionPlan, bool]:
        plan, why = replace(self.start, name=self.name), "Everything that may be is INT8."
        for one in slow:
            plan = _holding(plan, one)
        if slow:
            names = ", ".join(one.name for one in slow)
            why = f"Everything that may be is INT8, but for {names}, which it makes slower."
        return plan, self._visit("start", None, plan, why).within_budget

    def _hold(self, plan: PrecisionPlan, one: Sensitivity) -> tuple[PrecisionPlan, bool, bool]:
        tried = _holding(plan, one)
        gained = self._likeness(tried).mean - self._likeness(plan).mean
        better = gained > 0
        why = f"Query cosine changes by {gained:+.4f}."
        step = self._visit("hold", one, tried, why, accepted=better)
        met = better and step.within_budget
        return (tried if better else plan), met, better

    def _release(self, plan: PrecisionPlan, one: Sensitivity) -> PrecisionPlan:
        tried = _releasing(plan, one)
        step = self._visit("release", one, tried, "", accepted=None)
        return tried if step.accepted else plan

    def _visit(
        self,
        move: Move,
        one: Sensitivity | None,
        plan: PrecisionPlan,
        why: str,
        *,
        accepted: bool | None = True,
    ) -> SearchStep:
        """Note a visit; with ``accepted`` None, the budget decides."""
        likeness = self._likeness(plan)
        change = self.measurer.r1_change(plan) if likeness.mean >= self.cosine else None
        within = change is not None and self.budget.allows(change)
        step = SearchStep(
            move=move,
            submodule=None if one is None else one.submodule,
            block=None if one is None else one.block,
            plan=plan,
            query_cosine=likeness,
            r1_change=change,
            within_budget=within,
            accepted=within if accepted is None else accepted,
            why=" ".join(part for part in (why, self._judgement(likeness, change)) if part),
        )
        self._steps.append(step)
        return step

    def _judgement(self, likeness: Cosine, change: Estimate | None) -> str:
        if change is None:
            return f"Query cosine {likeness.mean:.4f} is below {self.cosine}; not asked for clips."
        answers = self.measurer.exam.without_photos.answers
        verdict = "Within the budget" if self.budget.allows(change) else "Over the budget"
        return f"{verdict}: {self.budget.in_words(change, answers)}"

    def _likeness(self, plan: PrecisionPlan) -> Cosine:
        return self.measurer.likeness(plan).query


def _holding(plan: PrecisionPlan, one: Sensitivity) -> PrecisionPlan:
    before = plan.of(one.submodule)
    kept = replace(before, held=(*before.held, str(one.block)))
    return plan.with_submodule(plan.name, one.submodule, kept)


def _releasing(plan: PrecisionPlan, one: Sensitivity) -> PrecisionPlan:
    before = plan.of(one.submodule)
    kept = replace(before, held=tuple(block for block in before.held if block != one.block))
    return plan.with_submodule(plan.name, one.submodule, kept)
