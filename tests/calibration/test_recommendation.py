"""Which plan is recommended, and what is said of the others."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from calibration.budget import Budget
from calibration.recommendation import gate, overlap, recommend, speed
from calibration.records.measurement import Cosine, PlanMeasurement
from calibration.records.recommendation import Recommendation
from calibration.records.sensitivity import Effect, Sensitivity
from export.precision.plan import PrecisionPlan, SubmodulePlan
from models.evaluation.metrics import Estimate
from runtime.errors import BudgetError
from tests.calibration.made_up_report import accuracy, latency, measurement, near, report

BUDGET = Budget(0.005)
NONE = Estimate(0.0, 0.0, 0.0)
FP32 = measurement("fp32", 40.0)


def _plan(
    name: str, ratio: float, *, change: Estimate = NONE, r1: float = 0.8, **changed: Any
) -> PlanMeasurement:
    made = measurement(name, 40 * ratio, **changed)
    timed = latency(40 * ratio, ratio=ratio)
    return replace(made, latency=timed, accuracy=(accuracy(r1, change),))


def _chosen(*plans: PlanMeasurement, budget: Budget = BUDGET) -> Recommendation:
    return recommend([FP32, *plans], (), budget)


def _sentence(found: Recommendation, subject: str) -> str:
    return {one.subject: one.sentence for one in found.rejections}[subject]


def test_the_fastest_within_the_budget_is_taken() -> None:
    found = _chosen(_plan("slow", 0.8), _plan("fast", 0.5), _plan("worse", 0.3, change=near(-0.02)))
    assert found.plan.name == "fast"
    assert "fast is the fastest plan within the budget" in found.reasons[0]
    assert "0.50 times (0.48 to 0.52)" in found.reasons[0]
    assert "slow rejected: slower: 0.80 times" in _sentence(found, "slow")
    assert "worse rejected: worse. L0 fused: R@1 falls by 2.0 points" in _sentence(found, "worse")
    assert _sentence(found, "fp32") == (
        "fp32 rejected: slower, fast takes 0.50 times (0.48 to 0.52) its time."
    )
    assert found.proven


def test_too_few_answers_to_prove_it_are_told() -> None:
    found = _chosen(_plan("fast", 0.5, change=near(0.0, 1 / 44)))
    assert found.plan.name == "fast"
    assert not found.proven
    assert "44 answers cannot prove it: one is worth 2.3 points" in found.reasons[1]


def test_int8_that_is_slower_is_not_taken() -> None:
    found = _chosen(_plan("int8", 1.3))
    assert found.plan.name == "fp32"
    assert found.proven
    assert "No other plan is surely faster" in found.reasons[0]
    assert "int8 rejected: slower: 1.30 times" in _sentence(found, "int8")


def test_fp32_stays_where_all_else_misses_the_budget() -> None:
    assert _chosen(_plan("int8", 0.5, change=near(-0.1))).plan.name == "fp32"


def test_ties_in_time_are_decided_by_accuracy_then_size() -> None:
    quick, exact = _plan("quick", 0.50, total_bytes=9), _plan("exact", 0.53, r1=0.82)
    found = _chosen(quick, exact)
    assert found.plan.name == "exact"
    assert found.reasons[0].startswith("No plan within the budget is surely faster than exact: ")
    assert "As fast, as far as the intervals tell: quick" in found.reasons[-1]
    assert "as fast as exact, but its R@1 is 2.0 points lower" in _sentence(found, "quick")
    small, large = _plan("small", 0.53, total_bytes=10_000_000), _plan("large", 0.50)
    found = _chosen(small, large)
    assert found.plan.name == "small"
    assert "as fast as small, but its bundle is 170 % larger" in _sentence(found, "large")
    assert _chosen(_plan("a", 0.5), _plan("b", 0.7, r1=0.9)).plan.name == "a"


def test_a_plan_that_another_is_surely_faster_than_is_no_tie() -> None:
    """The fastest may be so unsure that it tells nothing of a plan which a third one beats."""
    unsure, sure = _plan("unsure", 0.90), _plan("sure", 0.92)
    wide = replace(latency(36.0, ratio=0.9), ratio=Estimate(0.9, 0.7, 1.1))
    found = _chosen(replace(unsure, latency=wide), sure)
    assert found.plan.name in ("unsure", "sure")
    assert "fp32 rejected: slower" in _sentence(found, "fp32")
    assert "fp32" not in found.reasons[-1]


def test_the_order_of_the_plans_does_not_matter() -> None:
    plans = [_plan("quick", 0.50), _plan("exact", 0.53, r1=0.82), _plan("slow", 0.8, r1=0.9)]
    assert _chosen(*plans).plan == _chosen(*reversed(plans)).plan


def test_tensorrt_is_never_recommended_on_a_processor() -> None:
    plan = PrecisionPlan("trt", "tensorrt", {"frame_encoder": SubmodulePlan("int8")})
    timed = latency(4.0, ratio=0.1)
    on_cpu = replace(_plan("trt", 0.1), plan=plan, latency=replace(timed, provider="onnxruntime:C"))
    untimed = replace(on_cpu, latency=None)
    for one in (on_cpu, untimed):
        found = _chosen(one)
        assert found.plan.name == "fp32"
        assert "made for tensorrt and was not timed there" in _sentence(found, "trt")
    there = replace(on_cpu, latency=replace(timed, provider="tensorrt:10.3"))
    assert _chosen(there).plan.name == "trt"


def test_another_budget_gives_another_plan() -> None:
    worse = _plan("worse", 0.3, change=near(-0.02, 0.03))
    assert _chosen(worse).plan.name == "fp32"
    found = _chosen(worse, budget=Budget(0.03))
    assert (found.plan.name, found.budget) == ("worse", 0.03)


def _effect(cosine: float, saved: Estimate | None = None, change: Estimate | None = None) -> Effect:
    return Effect(Cosine(cosine, cosine), cosine - 1, change, saved, 0)


def test_blocks_that_stay_exact_are_explained() -> None:
    blocks = ("stem", "slow", "even", "quick", "unknown")
    plan = _plan("mixed", 0.5)
    submodules = {
        "frame_encoder": SubmodulePlan("int8", blocks),
        "text_encoder": SubmodulePlan("int8"),
    }
    plan = replace(plan, plan=replace(plan.plan, submodules=submodules))
    gain = Estimate(-0.8, -0.9, -0.7)
    known = [
        Sensitivity("frame_encoder", "stem", _effect(0.97, None, near(-0.023)), _effect(1, gain)),
        Sensitivity("frame_encoder", "slow", _effect(0.9999), _effect(1, Estimate(0.5, 0.4, 0.6))),
        Sensitivity("frame_encoder", "even", _effect(0.999), _effect(1, Estimate(0, -0.1, 0.1))),
        Sensitivity("query_head", None, _effect(0.95, Estimate(-0.2, -0.3, -0.1)), None),
        Sensitivity("item_head", None, _effect(1.0, NONE, near(-0.015)), None),
        Sensitivity("reranker", None, _effect(1.0, near(0.2), near(0.01)), None),
        Sensitivity("frame_encoder", "quick", _effect(1.0), _effect(1.0)),
    ]
    found = recommend([FP32, plan], known, BUDGET)
    told = {one.subject: one.sentence for one in found.rejections if one.subject != "fp32"}
    assert told["frame_encoder/stem"] == (
        "INT8 rejected for frame_encoder/stem: worse, alone it takes the query cosine to 0.9700 "
        "and changes R@1 by -2.3 points."
    )
    assert "slower, a step takes 0.50 ms more; worse" in told["frame_encoder/slow"]
    assert "no faster that could be told" in told["frame_encoder/even"]
    assert "neither its time nor its R@1 was measured" in told["frame_encoder/quick"]
    assert "not measured by itself" in told["frame_encoder/unknown"]
    assert "slower, a step takes 0.20 ms more; worse" in told["query_head"]
    assert told["item_head"] == (
        "INT8 rejected for item_head: no faster that could be told; "
        "worse, alone it changes R@1 by -1.5 points."
    )
    assert told["reranker"].endswith("nothing was gained or lost that could be told.")
    assert "text_encoder" not in told
    assert {one.precision for one in found.rejections if one.subject in told} == {"int8"}


def test_a_report_without_fp32_in_front_is_a_fault() -> None:
    with pytest.raises(ValueError, match="FP32"):
        recommend([], (), BUDGET)


def test_the_gate_lets_a_plan_within_its_budget_through() -> None:
    gate(report(), BUDGET)


def test_the_gate_refuses_a_plan_that_misses_it() -> None:
    with pytest.raises(BudgetError) as failed:
        gate(replace(report(), shipped="int8"), BUDGET)
    assert "int8, which ships, misses its budget" in failed.value.what
    assert "R@1 falls by 4.5 points" in failed.value.why
    assert "ship the plan mixed" in failed.value.fix
    gate(replace(report(), shipped="int8"), Budget(0.05))


def test_the_gate_wants_to_know_what_ships() -> None:
    with pytest.raises(BudgetError, match="not known"):
        gate(replace(report(), shipped=None), BUDGET)


def test_speed_is_the_ratio_and_touching_intervals_overlap() -> None:
    assert speed(FP32).value == 1.0
    assert overlap(Estimate(1, 0.9, 1.1), Estimate(1.2, 1.1, 1.3))
    assert not overlap(Estimate(1, 0.9, 1.1), Estimate(1.2, 1.11, 1.3))
    assert overlap(Estimate(1, None, None), Estimate(1, None, None))
    with pytest.raises(ValueError, match="not timed"):
        speed(replace(FP32, latency=None))
