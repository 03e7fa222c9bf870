"""Finding the plan that holds the blocks that suffer; on real engines and catalogs."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from calibration.budget import Budget
from calibration.measurement.builder import FP32
from calibration.records.measurement import Cosine
from calibration.records.sensitivity import Effect, Sensitivity
from calibration.sensitivity.search import Search
from calibration.sensitivity.sweep import Effort, Place, held, sweep
from export.precision.plan import SubmodulePlan
from models.evaluation.metrics import Estimate
from tests.calibration.measurement.made_up_plans import ENCODER, INT8, measurer_of
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


def test_blocks_that_int8_slows_are_held_from_the_start(exported: Exported, folder: Path) -> None:
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


def test_the_budget_of_r1_decides_where_the_cosine_allows(exported: Exported, folder: Path) -> None:
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

    assert one(Estimate(0.5, 0.1, 0.9)).is_slower
    assert not one(Estimate(0.5, -0.1, 0.9)).is_slower
    assert not one(None).is_slower
    assert not replace(one(Estimate(0.5, 0.1, 0.9)), held=None).is_slower
    assert replace(one(Estimate(-0.5, -0.9, -0.1)), held=None).is_slower
