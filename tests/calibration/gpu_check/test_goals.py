"""Goals follow from the numbers that sections found, and from nothing else."""

from __future__ import annotations

from typing import Any

import pytest

from calibration.gpu_check.goals import Goal, goals
from calibration.gpu_check.outcome import Outcome, Status


def outcome(name: str, status: Status = "passed", **found: Any) -> Outcome:
    why = "" if status == "passed" else "a reason"
    return Outcome(name, status, 1.0, found, why)


def judged(*outcomes: Outcome) -> dict[str, Goal]:
    return {goal.name: goal for goal in goals({one.name: one for one in outcomes})}


def one(begins: str, *outcomes: Outcome) -> Goal:
    found = [goal for name, goal in judged(*outcomes).items() if name.startswith(begins)]
    assert len(found) == 1
    return found[0]


def latency(**p50: float) -> Outcome:
    times = {name: {"p50_ms": value} for name, value in p50.items()}
    return outcome("latency/lite", alternatives=times, items=10_000, mode="on the device")


@pytest.mark.parametrize(("p50", "verdict"), [(0.99, "met"), (1.0, "missed"), (7.0, "missed")])
def test_a_step_takes_less_than_a_millisecond(p50: float, verdict: str) -> None:
    goal = one("step p50 of lite", latency(int8=p50, fp32=9.0))
    assert (goal.verdict, goal.found) == (verdict, p50)
    assert goal.of == "int8, 10000 items, on the device"


def test_the_quickest_precision_counts() -> None:
    assert one("step p50 of lite", latency(int8=0.9, fp16=0.7)).of.startswith("fp16")


@pytest.mark.parametrize(("times", "verdict"), [(3.0, "met"), (2.99, "missed")])
def test_three_times_as_fast_as_compiled_torch(times: float, verdict: str) -> None:
    ratios = {"torch_compile": {"median": times}, "torch_eager": {"median": 99.0}}
    rivals = outcome("rivals/b32", ratios=ratios, precision="fp16")
    goal = one("times faster than torch.compile, b32", rivals)
    assert (goal.verdict, goal.found) == (verdict, times)


def test_a_compiler_that_refuses_is_named() -> None:
    rivals = outcome("rivals/b32", ratios={}, precision="fp16", skipped={"torch_compile": "no gcc"})
    goal = one("times faster than torch.compile, b32", rivals)
    assert (goal.verdict, goal.found, goal.of) == ("not measured", None, "no gcc")


def build(layers: dict[str, int], *fallen: str) -> Outcome:
    engine = {"submodule": "frame_encoder", "precision_found": layers, "fell_back": list(fallen)}
    head = {"submodule": "query_head", "precision_found": {"fp16": 2}, "fell_back": []}
    return outcome("build/lite-int8", engines=[engine, head])


@pytest.mark.parametrize(
    ("built", "verdict", "found", "of"),
    [
        (build({"int8": 3, "fp16": 1}), "met", 0.0, "layers: 3 fp16, 3 int8"),
        (build({"fp32": 1}, "conv1", "conv2"), "missed", 2.0, "layers: 2 fp16, 1 fp32"),
        (build({}), "not measured", None, "the inspector tells nothing of frame_encoder"),
        (outcome("build/lite-int8", "failed"), "not measured", None, "was failed: a reason"),
    ],
)
def test_products_keep_the_precision_of_their_plan(
    built: Outcome, verdict: str, found: float | None, of: str
) -> None:
    goal = one("products of lite-int8", built)
    assert (goal.verdict, goal.found) == (verdict, found)
    assert of in goal.of


def accuracies(precision: str, exact: float, other: float) -> list[Outcome]:
    return [
        outcome(f"accuracy/lite-{name}", accuracy={"all": {"r1": {"value": value}}}, clips=44)
        for name, value in (("fp32", exact), (precision, other))
    ]


@pytest.mark.parametrize(
    ("precision", "exact", "other", "verdict"),
    [
        ("fp16", 0.900, 0.897, "met"),
        ("fp16", 0.900, 0.896, "missed"),
        ("fp16", 0.900, 0.904, "missed"),
        ("int8", 0.900, 0.895, "met"),
        ("int8", 0.900, 0.894, "missed"),
        ("int8", 0.900, 0.950, "met"),
    ],
)
def test_points_that_are_lost(precision: str, exact: float, other: float, verdict: str) -> None:
    goal = one(f"R@1 of {precision}", *accuracies(precision, exact, other))
    assert goal.verdict == verdict
    assert goal.found == pytest.approx(100 * (exact - other))


def memory(slope: float, steps: int, asked: int) -> Outcome:
    line = {"bytes_a_step": slope}
    twice = {"bytes_a_step": 2 * slope}
    return outcome("memory/lite", device=line, host=twice, steps=steps, asked=asked)


@pytest.mark.parametrize(
    ("slope", "steps", "asked", "verdict"),
    [
        (256.0, 10_000, 10_000, "met"),
        (257.0, 10_000, 10_000, "missed"),
        (0.0, 9_000, 10_000, "not measured"),
        (0.0, 2_000, 2_000, "not measured"),
    ],
)
def test_memory_must_not_grow(slope: float, steps: int, asked: int, verdict: str) -> None:
    found = memory(slope, steps, asked)
    assert one("device memory of lite", found).verdict == verdict
    assert one("host memory of lite", found).verdict == verdict


def test_nothing_measured_is_nothing_claimed() -> None:
    every = judged()
    assert len(every) == 14
    assert {goal.verdict for goal in every.values()} == {"not measured"}
    assert {goal.found for goal in every.values()} == {None}
    told = one("step p50 of b32", outcome("latency/b32", "skipped"))
    assert told.of == "latency/b32 was skipped: a reason"


@pytest.mark.parametrize("status", ["failed", "cut"])
def test_half_a_section_proves_nothing_of_memory(status: Status) -> None:
    half = outcome("memory/lite", status, device={"bytes_a_step": 0.0})
    assert one("device memory of lite", half).verdict == "not measured"
