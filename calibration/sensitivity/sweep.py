"""Which blocks suffer from INT8: each alone against FP32, and each held against all INT8.

Submodules that all INT8 leaves out are tried alone as well, to tell why.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from calibration.measurement.builder import FP32
from calibration.measurement.latency import saved_ms
from calibration.measurement.measurer import Measurer
from calibration.records.sensitivity import Effect, Sensitivity
from export.precision.plan import PrecisionPlan, SubmodulePlan
from runtime.bundle.manifest import SUBMODULES
from runtime.catalog.progress import Progress

BY_BLOCK = ("frame_encoder",)
"""Submodules that are looked at block by block; the others as a whole."""


@dataclass(frozen=True)
class Place:
    """A block, or a whole submodule where ``block`` is None."""

    submodule: str
    block: str | None

    @property
    def name(self) -> str:
        """As in names of plans."""
        return self.submodule if self.block is None else f"{self.submodule}-{self.block}"


@dataclass(frozen=True)
class Effort:
    """How much is measured.

    Attributes:
        judged: the most sensitive blocks whose R@1 is measured as well; where it is not 0, that of
            submodules left out by the plan is too: query vectors tell nothing of what comes later.
        rounds: steps of each plan that are timed; 0 leaves times out.
    """

    judged: int = 5
    rounds: int = 60


def sweep(
    measurer: Measurer,
    whole: PrecisionPlan,
    effort: Effort,
    progress: Progress,
    by_block: Sequence[str] = BY_BLOCK,
) -> tuple[Sensitivity, ...]:
    """The sensitivity of every submodule and of the blocks of a plan, the most sensitive first.

    Args:
        measurer: measures and remembers.
        whole: the plan with everything in INT8 that may be.
        effort: how much to measure.
        progress: shows progress.
        by_block: submodules to look at block by block.

    Raises:
        SgmnError: a bundle cannot be built or does not run.
    """
    places = list(_places(measurer, whole, by_block))
    shown = progress(places, label="Trying blocks", total=len(places))
    found = {place: _sensitivity(measurer, whole, place, effort) for place in shown}
    order = sorted(places, key=lambda place: found[place].alone.query_cosine.mean)
    judged = _worth_judging(order, whole, effort)
    for place in progress(judged, label="Judging blocks", total=len(judged)):
        found[place] = _judged(measurer, whole, place, found[place])
    return tuple(found[place] for place in order)


def alone(whole: PrecisionPlan, place: Place, blocks: Sequence[str]) -> PrecisionPlan:
    """The plan in which one block is INT8, and all else FP32."""
    plan = replace(whole.of(place.submodule), precision="int8", held_precision="fp32")
    if place.block is not None:
        plan = replace(plan, held=tuple(block for block in blocks if block != place.block))
    return replace(whole, name=f"only-{place.name}", submodules={place.submodule: plan})


def held(whole: PrecisionPlan, place: Place) -> PrecisionPlan:
    """The plan in which one block more is FP32."""
    before, name = whole.of(place.submodule), f"{whole.name}-without-{place.name}"
    if place.block is None:
        return whole.with_submodule(name, place.submodule, SubmodulePlan())
    plan = replace(before, held=(*before.held, place.block))
    return whole.with_submodule(name, place.submodule, plan)


def _places(measurer: Measurer, whole: PrecisionPlan, by_block: Sequence[str]) -> Iterable[Place]:
    for submodule in SUBMODULES:
        yield Place(submodule, None)
        if submodule in by_block and _has_int8(whole, submodule):
            for block in measurer.builder.blocks(submodule):
                if block not in whole.of(submodule).held:
                    yield Place(submodule, block)


def _has_int8(whole: PrecisionPlan, submodule: str) -> bool:
    return whole.of(submodule).precision == "int8"


def _worth_judging(order: Sequence[Place], whole: PrecisionPlan, effort: Effort) -> list[Place]:
    most, rest = order[: effort.judged], order[effort.judged :]
    left_out = [place for place in rest if not _has_int8(whole, place.submodule)]
    return [*most, *(left_out if effort.judged else [])]


def _plans(
    measurer: Measurer, whole: PrecisionPlan, place: Place
) -> tuple[PrecisionPlan, PrecisionPlan]:
    blocks = measurer.builder.blocks(place.submodule)
    return alone(whole, place, blocks), held(whole, place)


def _sensitivity(
    measurer: Measurer, whole: PrecisionPlan, place: Place, effort: Effort
) -> Sensitivity:
    only, without = _plans(measurer, whole, place)
    among = _has_int8(whole, place.submodule)
    return Sensitivity(
        place.submodule,
        place.block,
        _effect(measurer, only, FP32, place.submodule, effort.rounds),
        _effect(measurer, without, whole, place.submodule, effort.rounds) if among else None,
    )


def _effect(
    measurer: Measurer, plan: PrecisionPlan, other: PrecisionPlan, submodule: str, rounds: int
) -> Effect:
    mine, theirs = measurer.likeness(plan).query, measurer.likeness(other).query
    size, beside = (measurer.sizes(one).submodules[submodule] for one in (plan, other))
    return Effect(
        query_cosine=mine,
        cosine_change=mine.mean - theirs.mean,
        r1_change=None,
        saved_ms=saved_ms(measurer.times(plan, other, rounds)) if rounds else None,
        saved_bytes=beside - size,
    )


def _judged(
    measurer: Measurer, whole: PrecisionPlan, place: Place, found: Sensitivity
) -> Sensitivity:
    only, without = _plans(measurer, whole, place)
    changed = replace(found.alone, r1_change=measurer.r1_change(only))
    if found.held is None:
        return replace(found, alone=changed)
    kept = replace(found.held, r1_change=measurer.r1_change(without, whole))
    return replace(found, alone=changed, held=kept)
