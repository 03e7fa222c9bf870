"""Finding the block that suffers, and the plan that holds it; on real engines and catalogs."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from calibration.records.json import from_json, to_json
from calibration.records.sensitivity import Sensitivity
from calibration.sensitivity.sweep import Effort, Place, alone, held, sweep
from export.precision.plan import PrecisionPlan, SubmodulePlan
from runtime.bundle.manifest import SUBMODULES
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
    by = {one.block: one for one in found if one.submodule == ENCODER}
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
    found = _swept(exported, folder, Effort(judged=0, rounds=40))
    by = {one.block: one for one in found if one.submodule == ENCODER}
    for block, saved in SAVES.items():
        effect = by[block]
        assert effect.alone.saved_ms is not None
        assert effect.alone.saved_ms.value == pytest.approx(saved)
        assert effect.held is not None
        assert effect.held.saved_ms is not None
        assert effect.held.saved_ms.value == pytest.approx(-saved)
        assert effect.is_slower == (block == "head")


def test_only_the_most_sensitive_are_judged(exported: Exported, folder: Path) -> None:
    found = _swept(exported, folder, Effort(judged=2, rounds=0))
    judged = [one.alone.r1_change is not None for one in found if one.submodule == ENCODER]
    assert judged == [True, True, False, False]
    assert all(one.alone.saved_ms is None for one in found)
    assert from_json(Sensitivity, to_json(found[0])) == found[0]


def test_submodules_that_the_plan_leaves_out_are_tried_alone(
    exported: Exported, folder: Path
) -> None:
    """Query vectors tell nothing of INT8 in what comes after them, so R@1 is always measured."""
    found = _swept(exported, folder, Effort(judged=1, rounds=40))
    left_out = {one.submodule: one for one in found if one.submodule != ENCODER}
    assert left_out.keys() == set(SUBMODULES) - {ENCODER}
    for one in left_out.values():
        assert (one.block, one.held) == (None, None)
        assert one.alone.r1_change is not None
        assert one.alone.saved_ms is not None
    cheap = _swept(exported, folder, Effort(judged=0, rounds=0))
    assert all(one.alone.r1_change is None for one in cheap)


def test_a_sweep_goes_on_where_it_was(exported: Exported, tmp_path: Path) -> None:
    first = _swept(exported, tmp_path, Effort(judged=1, rounds=40))
    measurer, builder, stopwatch = measurer_of(exported, tmp_path, NOISE, SAVES)
    assert sweep(measurer, INT8, Effort(judged=1, rounds=40), quiet) == first
    assert (builder.built, stopwatch.timed) == ([], 0)


def test_a_plan_for_tensorrt_is_not_judged_on_a_processor(exported: Exported, folder: Path) -> None:
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
    assert alone(whole, Place("reranker", None), ()).submodules == {
        "reranker": SubmodulePlan("int8")
    }
    without = held(whole, Place(ENCODER, "head"))
    assert without.of(ENCODER) == SubmodulePlan("int8", ("head",))
    assert without.of("text_encoder") == SubmodulePlan("int8")
    assert held(whole, Place("text_encoder", None)).of("text_encoder") == SubmodulePlan()
    assert len({one.name for one in (whole, only, without)}) == 3
