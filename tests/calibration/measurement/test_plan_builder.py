"""Real INT8 bundles, named by all that they depend on."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from calibration.measurement.builder import FP32
from calibration.measurement.plan_builder import PlanBuilder
from export.precision.plan import Calibration, SubmodulePlan
from export.precision.presets import named_plan
from export.samples import Samples
from runtime.bundle.reader import open_bundle
from tests.export.conftest import Exported
from tests.models.made_up_bank import quiet

INT8 = named_plan("int8-encoders", "tiny")


class Drawing:
    """Draws as many of the shop's pictures as asked, and notes it."""

    def __init__(self, samples: Samples) -> None:
        self.samples = samples
        self.drawn: list[Calibration] = []

    def __call__(self, asked: Calibration) -> Samples:
        self.drawn.append(asked)
        return replace(self.samples, pictures=self.samples.pictures[: asked.pictures])


@pytest.fixture
def drawing(exported: Exported) -> Drawing:
    return Drawing(exported.samples)


@pytest.fixture
def builder(exported: Exported, drawing: Drawing, tmp_path: Path) -> PlanBuilder:
    return PlanBuilder(open_bundle(exported.bundle), drawing, tmp_path / "ranges", quiet)


def _calibrated(**changes: object) -> Calibration:
    return replace(INT8.calibration, **changes)  # type: ignore[arg-type]


def test_fp32_is_the_source_and_draws_nothing(
    builder: PlanBuilder, drawing: Drawing, exported: Exported, tmp_path: Path
) -> None:
    assert builder.build(FP32, tmp_path / "out") == exported.bundle
    assert builder.identity(FP32) == open_bundle(exported.bundle).digest
    assert drawing.drawn == []


def test_a_plan_becomes_a_bundle(builder: PlanBuilder, tmp_path: Path) -> None:
    made = builder.build(INT8, tmp_path / "out")
    assert open_bundle(made).manifest.submodules["frame_encoder"].precision == "int8"


def test_identity_tells_plans_and_samples_apart_but_not_names(
    builder: PlanBuilder, drawing: Drawing
) -> None:
    held = INT8.with_submodule("x", "frame_encoder", SubmodulePlan("int8", ("head",)))
    fewer = replace(INT8, calibration=_calibrated(pictures=3))
    plans = [
        INT8,
        held,
        fewer,
        replace(INT8, calibration=_calibrated(method="entropy")),
        replace(INT8, calibration=_calibrated(seed=5)),
    ]
    before = [builder.identity(plan) for plan in plans]
    assert len(set(before)) == len(plans)
    assert builder.identity(replace(INT8, name="other")) == before[0]
    assert builder.samples(fewer) != builder.samples(INT8)
    assert len(drawing.drawn) == 3


def test_other_pictures_give_another_identity(exported: Exported, tmp_path: Path) -> None:
    darker = [(picture // 2) for picture in exported.samples.pictures]
    one, two = (
        PlanBuilder(open_bundle(exported.bundle), Drawing(samples), tmp_path, quiet).identity(INT8)
        for samples in (exported.samples, replace(exported.samples, pictures=darker))
    )
    assert one != two


def test_blocks_are_those_with_weights(builder: PlanBuilder) -> None:
    found = builder.blocks("frame_encoder")
    assert found == ("trunk", "head")
