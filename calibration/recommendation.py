"""Which plan to ship: the fastest within the accuracy budget, and why the others were not taken."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from calibration.budget import Budget, points
from calibration.records.measurement import PlanMeasurement
from calibration.records.recommendation import Recommendation, Rejection
from calibration.records.report import Report
from calibration.records.sensitivity import Effect, Sensitivity
from export.precision.plan import Precision, SubmodulePlan
from models.evaluation.metrics import Estimate
from runtime.bundle.manifest import SUBMODULES
from runtime.errors import BudgetError

BITS: dict[Precision, int] = {"fp32": 32, "fp16": 16, "int8": 8}

ITSELF = Estimate(1.0, 1.0, 1.0)
"""FP32's time over its own."""

NOTHING = Estimate(0.0, 0.0, 0.0)
"""No difference."""


def recommend(
    measurements: Sequence[PlanMeasurement],
    sensitivities: Sequence[Sensitivity],
    budget: Budget,
) -> Recommendation:
    """The fastest plan within the budget; where none was timed, the one with the fewest bits.

    Speed is a plan's time over FP32's, measured by turns. Plans that no other is surely faster than
    are as fast; of them the better R@1 decides, then the smaller bundle.

    Args:
        measurements: FP32 first, which always is within the budget.
        sensitivities: of blocks, to tell why some are not INT8; may be empty.
        budget: of R@1.

    Raises:
        ValueError: there is no measurement, or FP32 alone was not timed.
    """
    if measurements and all(one.latency is None for one in measurements):
        return _untimed(measurements, sensitivities, budget)
    if not measurements or measurements[0].latency is None:
        raise ValueError("FP32 comes first, with its latency")
    allowed = [one for one in measurements if _timed(one) and budget.allows(one.overall.r1_change)]
    tied = [one for one in allowed if not any(_surely_faster(other, one) for other in allowed)]
    chosen = min(tied, key=lambda one: (-one.overall.r1.value, one.total_bytes, one.plan.name))
    rejected = [
        *(_plan_rejection(one, chosen, tied, budget) for one in measurements if one is not chosen),
        *_block_rejections(chosen, sensitivities),
    ]
    return Recommendation(
        plan=chosen.plan,
        budget=budget.r1_drop,
        proven=chosen is measurements[0] or budget.proven(chosen.overall.r1_change),
        reasons=tuple(_reasons(chosen, measurements[0], tied, budget)),
        rejections=tuple(rejected),
    )


def _untimed(
    measurements: Sequence[PlanMeasurement],
    sensitivities: Sequence[Sensitivity],
    budget: Budget,
) -> Recommendation:
    """What to build and time on the device first."""
    fp32 = measurements[0]
    allowed = [one for one in measurements if budget.allows(one.overall.r1_change)]
    chosen = min(allowed, key=lambda one: (_bits(one, fp32), -one.overall.r1.value, one.plan.name))
    name, asked = chosen.plan.name, chosen.overall
    reasons = [
        f"{name} has the fewest bits within the budget. It was not timed: build it and time it on "
        "the device before it ships (sgmn build, sgmn match --provider tensorrt)."
    ]
    if chosen is not fp32:
        words = budget.in_words(asked.r1_change, asked.clips)
        reasons.append(f"{asked.name}, {asked.clips} answers: {words}")
    rejected = [
        *(_untimed_rejection(one, chosen, fp32, budget) for one in measurements if one != chosen),
        *_block_rejections(chosen, sensitivities),
    ]
    proven = chosen is fp32 or budget.proven(asked.r1_change)
    return Recommendation(chosen.plan, budget.r1_drop, proven, tuple(reasons), tuple(rejected))


def _untimed_rejection(
    one: PlanMeasurement, chosen: PlanMeasurement, fp32: PlanMeasurement, budget: Budget
) -> Rejection:
    asked = one.overall
    if budget.allows(asked.r1_change):
        more = _bits(one, fp32) > _bits(chosen, fp32)
        why = f"{'more bits than' if more else 'no better than'} {chosen.plan.name}"
    else:
        why = f"worse. {asked.name}: {budget.in_words(asked.r1_change, asked.clips).rstrip('.')}"
    return Rejection(one.plan.name, _precision(one), f"{one.plan.name} rejected: {why}.")


def _bits(one: PlanMeasurement, fp32: PlanMeasurement) -> float:
    """Of all weights, as if no block were held."""
    sizes = fp32.bytes_by_submodule
    return sum(BITS[one.plan.of(name).precision] * size for name, size in sizes.items())


def gate(report: Report, budget: Budget) -> None:
    """See that the plan that ships stays within its budget.

    Raises:
        BudgetError: it does not, or it was not measured.
    """
    if report.shipped is None:
        raise BudgetError(
            "it is not known whether the plan that ships stays within its budget",
            why="it is not among those that were measured",
            fix="measure it as well: sgmn report --shipped DIR",
        )
    shipped = report.of(report.shipped)
    change = shipped.overall.r1_change
    if not budget.allows(change):
        raise BudgetError(
            f"the plan {shipped.plan.name}, which ships, misses its budget",
            why=f"{shipped.overall.name}: {budget.in_words(change, shipped.overall.clips)}",
            fix=f"ship the plan {report.recommendation.plan.name}: sgmn quantize FP32 "
            "--plan recommended.toml, which lies beside the report",
        )


def speed(one: PlanMeasurement) -> Estimate:
    """Time of a step over that of FP32; below 1 is faster.

    Raises:
        ValueError: the plan was not timed.
    """
    if one.latency is None:
        raise ValueError(f"{one.plan.name} was not timed")
    return one.latency.ratio or ITSELF


def overlap(one: Estimate, other: Estimate) -> bool:
    """Whether two intervals have a value in common."""
    (a, b), (c, d) = _bounds(one), _bounds(other)
    return a <= d and c <= b


def _surely_faster(one: PlanMeasurement, other: PlanMeasurement) -> bool:
    return _bounds(speed(one))[1] < _bounds(speed(other))[0]


def _bounds(one: Estimate) -> tuple[float, float]:
    low = one.value if one.low is None else one.low
    return low, one.value if one.high is None else one.high


def _timed(one: PlanMeasurement) -> bool:
    """Whether it was timed on its target: numbers of a processor say nothing of TensorRT."""
    if one.latency is None:
        return False
    return one.plan.target == "cpu" or one.latency.provider.startswith("tensorrt")


def _reasons(
    chosen: PlanMeasurement,
    fp32: PlanMeasurement,
    tied: Sequence[PlanMeasurement],
    budget: Budget,
) -> Iterator[str]:
    name, asked = chosen.plan.name, chosen.overall
    p50 = "" if chosen.latency is None else f"{chosen.latency.p50.value:.1f} ms"
    if chosen is fp32:
        yield f"No other plan is surely faster and within the budget, so {name}: {p50} a step."
    else:
        first = all(speed(chosen).value <= speed(one).value for one in tied)
        best = f"{name} is the fastest plan within the budget"
        if not first:
            best = f"No plan within the budget is surely faster than {name}"
        yield f"{best}: {p50} a step, {_times(speed(chosen))} the time of FP32."
        words = budget.in_words(asked.r1_change, asked.clips)
        yield f"{asked.name}, {asked.clips} answers: {words}"
        yield f"Its bundle has {_share(chosen, fp32)} the bytes of FP32's."
    others = [one.plan.name for one in tied if one is not chosen]
    if others:
        yield (
            f"As fast, as far as the intervals tell: {', '.join(others)}. "
            "R@1 decided, then the size."
        )


def _plan_rejection(
    one: PlanMeasurement, chosen: PlanMeasurement, tied: Sequence[PlanMeasurement], budget: Budget
) -> Rejection:
    name, asked = one.plan.name, one.overall
    if not _timed(one):
        why = f"it is made for {one.plan.target} and was not timed there"
    elif not budget.allows(asked.r1_change):
        why = f"worse. {asked.name}: {budget.in_words(asked.r1_change, asked.clips).rstrip('.')}"
    elif one in tied:
        why = f"as fast as {chosen.plan.name}, but {_second(one, chosen)}"
    elif one.latency is not None and one.latency.ratio is None:  # FP32 itself
        why = f"slower, {chosen.plan.name} takes {_times(speed(chosen))} its time"
    else:
        why = f"slower: {_times(speed(one))} the time of FP32"
        why += f", {chosen.plan.name} {_times(speed(chosen))}"
    return Rejection(name, _precision(one), f"{name} rejected: {why}.")


def _second(one: PlanMeasurement, chosen: PlanMeasurement) -> str:
    behind = chosen.overall.r1.value - one.overall.r1.value
    if behind > 0:
        return f"its R@1 is {points(behind)} lower"
    more = one.total_bytes / chosen.total_bytes - 1
    return f"its bundle is {more * 100:.0f} % larger" if more > 0 else "no better and no smaller"


def _block_rejections(
    chosen: PlanMeasurement, sensitivities: Sequence[Sensitivity]
) -> Iterator[Rejection]:
    """Why submodules and blocks of the chosen plan do not have INT8."""
    known = {(one.submodule, one.block): one for one in sensitivities}
    for submodule in SUBMODULES:
        plan = chosen.plan.of(submodule)
        for block in _not_int8(plan):
            name = submodule if block is None else f"{submodule}/{block}"
            why = _block_sentence(known.get((submodule, block)))
            yield Rejection(name, "int8", f"INT8 rejected for {name}: {why}.")


def _not_int8(plan: SubmodulePlan) -> Sequence[str | None]:
    return plan.held if plan.precision == "int8" else (None,)


def _block_sentence(one: Sensitivity | None) -> str:
    if one is None:
        return "it was not measured by itself"
    told = "; ".join([*_slower(one), *_worse(one.alone)])
    if not told and one.saved_ms is None and one.alone.r1_change is None:
        return "query vectors stay the same, but neither its time nor its R@1 was measured"
    return told or "nothing was gained or lost that could be told"


def _slower(one: Sensitivity) -> Iterator[str]:
    saved = one.saved_ms
    if saved is None:
        return
    if one.is_slower:
        yield f"slower, a step takes {-saved.value:.2f} ms more"
    elif overlap(saved, NOTHING):
        yield "no faster that could be told"


def _worse(effect: Effect) -> Iterator[str]:
    """What INT8 costs; query vectors do not tell of what comes after them, R@1 does."""
    cosine, change = f"{effect.query_cosine.mean:.4f}", effect.r1_change
    lost = [f"takes the query cosine to {cosine}"] if float(cosine) < 1 else []
    if change is not None and (lost or change.value < 0):
        lost.append(f"changes R@1 by {change.value * 100:+.1f} points")
    if lost:
        yield f"worse, alone it {' and '.join(lost)}"


def _precision(one: PlanMeasurement) -> Precision:
    """The lowest precision in a plan."""
    used = {one.plan.of(submodule).precision for submodule in SUBMODULES}
    return "int8" if "int8" in used else "fp16" if "fp16" in used else "fp32"


def _times(ratio: Estimate) -> str:
    if ratio.low is None or ratio.high is None:
        return f"{ratio.value:.2f} times"
    return f"{ratio.value:.2f} times ({ratio.low:.2f} to {ratio.high:.2f})"


def _share(one: PlanMeasurement, fp32: PlanMeasurement) -> str:
    return f"{one.total_bytes / fp32.total_bytes:.2f} times"
