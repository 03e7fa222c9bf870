"""Plans and those with a name."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from calibration.plans import PlanOptions, chosen_plan, has_int8_dot_products
from export.precision.plan import PrecisionPlan, SubmodulePlan, plan_from_dict
from export.precision.presets import NAMES, named_plan
from runtime.bundle.manifest import SUBMODULES
from runtime.errors import UsageError

PLAN = """
name = "mine"
target = "cpu"
reduce_range = false
[submodules.frame_encoder]
precision = "int8"
held = ["stem", "blocks.3"]
held_precision = "fp16"
[calibration]
method = "percentile"
pictures = 7
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    (tmp_path / "plan.toml").write_text(PLAN)
    return tmp_path / "plan.toml"


def test_a_plan_says_the_precision_of_every_block(file: Path) -> None:
    plan = chosen_plan(str(file), "lite", PlanOptions())
    frame = plan.of("frame_encoder")
    assert [frame.of(block) for block in ("stem", "blocks.2", "blocks.3")] == [
        "fp16",
        "int8",
        "fp16",
    ]
    assert plan.of("reranker") == SubmodulePlan()
    assert (plan.calibration.method, plan.calibration.pictures) == ("percentile", 7)
    assert not plan.reduce_range
    assert plan_from_dict(plan.as_dict()).as_dict() == plan.as_dict()


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ({"calibration": {"pictures": -5}}, "pictures = -5"),
        ({"calibration": {"pictures": 1}}, "2 is the least"),
        ({"calibration": {"seed": -1}}, "seed = -1"),
        ({"submodules": 3}, "submodules"),
        ({"submodules": {"frame_decoder": {}}}, "frame_decoder"),
    ],
)
def test_a_plan_that_nothing_can_be_made_of_is_refused(fields: dict[str, Any], why: str) -> None:
    with pytest.raises(UsageError, match="the precision plan cannot be read") as caught:
        plan_from_dict({"name": "odd", "target": "cpu", **fields})
    assert why in caught.value.why


def test_the_digest_is_of_what_a_plan_does() -> None:
    one = named_plan("int8", "lite")
    held = SubmodulePlan("int8", ("stem", "head"))
    other = SubmodulePlan("int8", ("head", "stem"))
    assert (
        one.with_submodule("a", "frame_encoder", held).digest()
        == one.with_submodule("b", "frame_encoder", other).digest()
    )
    changed = [
        named_plan("int8", "b32"),
        named_plan("int8", "lite", "tensorrt"),
        chosen_plan("int8", "lite", PlanOptions(seed=1)),
        chosen_plan("int8", "lite", PlanOptions(method="entropy")),
        chosen_plan("int8", "lite", PlanOptions(reduce_range="off")),
    ]
    assert len({one.digest(), *(plan.digest() for plan in changed)}) == 1 + len(changed)


def test_options_go_before_the_plan(file: Path) -> None:
    plan = chosen_plan(str(file), "lite", PlanOptions("cpu", "minmax", 3, 5, "on"))
    assert plan.calibration.as_dict() == {"method": "minmax", "pictures": 3, "seed": 5}
    assert plan.reduce_range


@pytest.mark.parametrize(
    ("features", "has"),
    [({"avx2"}, False), ({"avx2", "avx_vnni"}, True), ({"avx512_vnni"}, True), ({"asimd"}, True)],
)
def test_auto_asks_the_processor(features: set[str], has: bool) -> None:
    assert has_int8_dot_products(lambda: frozenset(features)) is has


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ('precision = "int4"', "precision"),
        ('precision = "fp16"\nheld_precision = "int8"', "coarser"),
        ("speed = 3", "speed"),
    ],
)
def test_a_plan_that_cannot_be_is_refused(tmp_path: Path, line: str, told: str) -> None:
    (tmp_path / "p.toml").write_text(
        f'name = "p"\ntarget = "cpu"\n[submodules.frame_encoder]\n{line}\n'
    )
    with pytest.raises(UsageError) as caught:
        chosen_plan(str(tmp_path / "p.toml"), "lite", PlanOptions())
    assert told in caught.value.why


def test_files_that_are_no_plans_and_unknown_names(tmp_path: Path, file: Path) -> None:
    (tmp_path / "broken.toml").write_text("name =")
    for name in ("none.toml", "broken.toml"):
        with pytest.raises(UsageError, match="cannot read"):
            chosen_plan(str(tmp_path / name), "lite", PlanOptions())
    with pytest.raises(UsageError, match="no precision plan int9"):
        chosen_plan("int9", "lite", PlanOptions())
    with pytest.raises(UsageError, match="not for tensorrt"):
        chosen_plan(str(file), "lite", PlanOptions("tensorrt"))
    with pytest.raises(UsageError, match="frame_decoder"):
        plan_from_dict({"name": "x", "target": "cpu", "submodules": {"frame_decoder": {}}})


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("preset", ["lite", "b32", "tiny"])
def test_named_plans_are_whole(name: str, preset: str) -> None:
    for plan in (named_plan(name, preset), named_plan(name, preset, "tensorrt")):
        assert set(plan.as_dict()["submodules"]) == set(SUBMODULES)
        assert isinstance(plan, PrecisionPlan)
        assert plan_from_dict(plan.as_dict()).digest() == plan.digest()


def test_a_transformer_keeps_its_pictures_out_of_int8() -> None:
    assert named_plan("int8", "b32").of("frame_encoder").precision == "fp16"
    assert named_plan("int8", "lite").of("frame_encoder").precision == "int8"
