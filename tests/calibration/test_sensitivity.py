"""Finding the block that suffers, and the plan that holds it; on real engines and catalogs."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from calibration.budget import Budget
from calibration.measurement.builder import FP32
from calibration.records.json import from_json, to_json
from calibration.records.measurement import Cosine
from calibration.records.sensitivity import Effect, Sensitivity
from calibration.search import Search, is_slower
from calibration.sensitivity import Effort, Place, alone, compare_calibrations, held, sweep
from export.precision.plan import PrecisionPlan, SubmodulePlan
from models.evaluation.metrics import Estimate
from runtime.errors import UsageError
from tests.calibration.measurement.made_up_plans import BLOCKS, ENCODER, INT8, measurer_of
from tests.export.conftest import Exported
from tests.models.made_up_bank import quiet

NOISE = {"trunk.0": 0.02, "trunk.2": 1.5, "head": 0.2}
"""The middle one is the block that loses accuracy."""

SAVES = {"trunk.0": 1.0, "trunk.2": 0.5, "head": -0.5}
"""Milliseconds; the last one is slower in INT8."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One store for tests that do not count what is measured."""
    return tmp_path_factory.mktemp("measured")


def _swept(exported: Exported, folder: Path, effort: Effort) -> tuple[Sensitivity, ...]:
    measurer, _, _ = measurer_of(exported, folder, NOISE, SAVES)
    return sweep(measurer, INT8, effort, quiet)


def test_blocks_are_ranked_by_what_they_lose(exported: Exported, folder: Path) -> None:
    found = _swept(exported, folder, Effort(judged=2, rounds=40))
    names = [one.block for one in found]
    assert [name for name in names if name] == ["trunk.2", "head", "trunk.0"]
    assert set(names) == {None, *BLOCKS}
    by = {one.block: one for one in found}
    whole, worst = by[None], by["trunk.2"]
    assert worst.alone.query_cosine.mean < by["trunk.0"].alone.query_cosine.mean
    assert whole.held is not None
    assert worst.held is not None
    assert whole.held.query_cosine.mean == pytest.approx(1.0)
    # Holding the worst block brings most of it back, holding the best next to nothing.
    best = by["trunk.0"].held
    assert best is not None
    assert worst.held.cosine_change > 5 * abs(best.cosine_change)
    assert worst.alone.cosine_change == pytest.approx(worst.alone.query_cosine.mean - 1)


def test_times_are_of_the_block_alone_and_of_the_whole_without_it(
    exported: Exported, folder: Path
) -> None:
    by = {one.block: one for one in _swept(exported, folder, Effort(judged=0, rounds=40))}
    for block, saved in SAVES.items():
        effect = by[block]
        assert effect.alone.saved_ms is not None
        assert effect.alone.saved_ms.value == pytest.approx(saved)
        assert effect.held is not None
        assert effect.held.saved_ms is not None
        assert effect.held.saved_ms.value == pytest.approx(-saved)
        assert is_slower(effect) == (block == "head")


def test_only_the_most_sensitive_are_judged(exported: Exported, folder: Path) -> None:
    found = _swept(exported, folder, Effort(judged=2, rounds=0))
    assert [one.alone.r1_change is not None for one in found] == [True, True, False, False]
    assert all(one.alone.saved_ms is None for one in found)
    assert from_json(Sensitivity, to_json(found[0])) == found[0]


def test_a_sweep_goes_on_where_it_was(exported: Exported, tmp_path: Path) -> None:
    first = _swept(exported, tmp_path, Effort(judged=1, rounds=40))
    measurer, builder, stopwatch = measurer_of(exported, tmp_path, NOISE, SAVES)
    assert sweep(measurer, INT8, Effort(judged=1, rounds=40), quiet) == first
    assert (builder.built, stopwatch.timed) == ([], 0)


def test_a_plan_for_tensorrt_is_not_judged_on_a_processor(
    exported: Exported, folder: Path
) -> None:
    measurer, _, _ = measurer_of(exported, folder, NOISE)
    with pytest.raises(UsageError, match="cannot be measured here"):
        sweep(measurer, replace(INT8, target="tensorrt"), Effort(), quiet)


def test_plans_of_one_block() -> None:
    whole = PrecisionPlan(
        "all", "cpu", {ENCODER: SubmodulePlan("int8"), "text_encoder": SubmodulePlan("int8")}
    )
    only = alone(whole, Place(ENCODER, "head"), BLOCKS)
    assert only.of(ENCODER) == SubmodulePlan("int8", ("trunk.0", "trunk.2"))
    assert only.of("text_encoder") == SubmodulePlan()
    without = held(whole, Place(ENCODER, "head"))
    assert without.of(ENCODER) == SubmodulePlan("int8", ("head",))
    assert without.of("text_encoder") == SubmodulePlan("int8")
    assert held(whole, Place("text_encoder", None)).of("text_encoder") == SubmodulePlan()
    assert len({one.name for one in (whole, only, without)}) == 3


def test_calibrations_are_compared(exported: Exported, tmp_path: Path) -> None:
    measurer, builder, _ = measurer_of(exported, tmp_path, NOISE)
    found = compare_calibrations(
        measurer, INT8, quiet, methods=("minmax", "entropy"), counts=(16, 64), judged=False
    )
    assert [(one.method, one.pictures) for one in found] == [
        ("minmax", 16),
        ("minmax", 64),
        ("entropy", 16),
        ("entropy", 64),
    ]
    assert all(one.r1 is None for one in found)
    assert builder.built == ["minmax-16", "minmax-64", "entropy-16", "entropy-64"]
    judged = compare_calibrations(measurer, INT8, quiet, methods=("minmax",), counts=(64,))
    assert judged[0].r1 is not None


def test_the_search_holds_the_sensitive_block_and_no_other(
    exported: Exported, folder: Path
) -> None:
    measurer, _, _ = measurer_of(exported, folder, NOISE, SAVES)
    order = sweep(measurer, INT8, Effort(judged=0, rounds=0), quiet)
    within = measurer.likeness(held(INT8, Place(ENCODER, "trunk.2"))).query.mean
    found = Search(measurer, INT8, order, Budget(1.0), cosine=within - 1e-6).run()
    assert found.within_budget
    assert found.plan == replace(
        INT8, name="mixed", submodules={ENCODER: SubmodulePlan("int8", ("trunk.2",))}
    )
    assert [(one.move, one.block, one.accepted) for one in found.steps] == [
        ("start", None, True),
        ("hold", "trunk.2", True),
    ]
    start, hold = found.steps
    assert (start.within_budget, hold.within_budget) == (False, True)
    assert start.r1_change is None
    assert "not asked for clips" in start.why
    assert "Within the budget" in hold.why


def test_a_plan_within_the_budget_is_left_as_it_is(exported: Exported, folder: Path) -> None:
    measurer, _, _ = measurer_of(exported, folder, NOISE)
    order = sweep(measurer, INT8, Effort(judged=0, rounds=0), quiet)
    found = Search(measurer, INT8, order, Budget(1.0), cosine=0.0).run()
    assert found.plan == replace(INT8, name="mixed")
    assert len(found.steps) == 1


def test_what_was_held_in_vain_is_released(exported: Exported, folder: Path) -> None:
    """Given a wrong order, the search holds one block too many and finds that out."""
    measurer, _, _ = measurer_of(exported, folder, NOISE)
    order = sweep(measurer, INT8, Effort(judged=0, rounds=0), quiet)
    blocks = {one.block: one for one in order}
    wrong = [blocks["head"], blocks["trunk.2"]]
    within = measurer.likeness(held(INT8, Place(ENCODER, "trunk.2"))).query.mean
    found = Search(measurer, INT8, wrong, Budget(1.0), cosine=within - 1e-6).run()
    assert [(one.move, one.block) for one in found.steps] == [
        ("start", None),
        ("hold", "head"),
        ("hold", "trunk.2"),
        ("release", "head"),
    ]
    assert found.plan.of(ENCODER).held == ("trunk.2",)
    assert found.steps[-1].accepted


def test_blocks_that_int8_slows_are_held_from_the_start(
    exported: Exported, folder: Path
) -> None:
    measurer, _, _ = measurer_of(exported, folder, NOISE, SAVES)
    order = sweep(measurer, INT8, Effort(judged=0, rounds=40), quiet)
    found = Search(measurer, INT8, order, Budget(1.0), cosine=0.0).run()
    assert found.plan.of(ENCODER).held == ("head",)
    assert "frame_encoder/head" in found.steps[0].why


def test_a_budget_that_no_plan_meets_is_told(exported: Exported, folder: Path) -> None:
    measurer, _, _ = measurer_of(exported, folder, NOISE)
    order = sweep(measurer, INT8, Effort(judged=0, rounds=0), quiet)
    found = Search(measurer, INT8, order[:2], Budget(1.0), cosine=1.1).run()
    assert not found.within_budget
    assert all(one.r1_change is None for one in found.steps)
    assert {one.block for one in found.steps} >= {"trunk.2"}


def test_the_budget_of_r1_decides_where_the_cosine_allows(
    exported: Exported, folder: Path
) -> None:
    measurer, _, _ = measurer_of(exported, folder, {**NOISE, "trunk.2": 8.0})
    order = sweep(measurer, INT8, Effort(judged=0, rounds=0), quiet)
    drop = -measurer.r1_change(INT8, FP32).value
    found = Search(measurer, INT8, order, Budget(0.0), cosine=-1.0).run()
    assert found.within_budget
    start = found.steps[0]
    assert start.r1_change is not None
    assert start.within_budget == (drop <= 0)
    assert measurer.r1_change(found.plan).value >= 0


def test_slower_needs_the_whole_interval() -> None:
    def one(saved: Estimate | None) -> Sensitivity:
        effect = Effect(Cosine(1.0, 1.0), 0.0, None, saved, 0)
        return Sensitivity(ENCODER, "head", effect, effect)

    assert is_slower(one(Estimate(0.5, 0.1, 0.9)))
    assert not is_slower(one(Estimate(0.5, -0.1, 0.9)))
    assert not is_slower(one(None))
    assert not is_slower(replace(one(Estimate(0.5, 0.1, 0.9)), held=None))
