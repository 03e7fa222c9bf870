"""From plans to a whole report, with real INT8 on real engines and catalogs; times are fixed."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from calibration.budget import Budget
from calibration.measurement.builder import FP32
from calibration.records.json import from_json, to_json
from calibration.records.report import Report
from calibration.sensitivity.sweep import Effort
from calibration.survey import Survey
from export.precision.plan import SubmodulePlan
from runtime.bundle.manifest import SUBMODULES
from runtime.errors import UsageError
from tests.calibration.measurement.made_up_plans import BLOCKS, INT8, measurer_of
from tests.export.conftest import Exported
from tests.models.made_up_bank import quiet

NOISE = {"trunk.0": 0.02, "trunk.2": 8.0, "head": 4.0}
SAVES = dict.fromkeys(BLOCKS, 1.0)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("survey")


@pytest.fixture(scope="module")
def made(exported: Exported, place: Path) -> Report:
    measurer, _, _ = measurer_of(exported, place, NOISE, SAVES)
    return _survey().run(measurer, quiet)


def _survey() -> Survey:
    return Survey(
        plans=[replace(INT8, name="ships"), FP32],
        whole=INT8,
        budget=Budget(1.0),
        effort=Effort(judged=1, rounds=40),
        methods=("minmax",),
        counts=(16, 64),
        shipped="ships",
    )


def test_a_report_holds_all_that_was_measured(made: Report) -> None:
    assert [one.plan.name for one in made.measurements] == ["fp32", "ships", "mixed"]
    assert len(made.sensitivities) == len(SUBMODULES) + len(BLOCKS)
    assert [one.pictures for one in made.comparisons] == [16, 64]
    assert made.search[0].move == "start"
    assert made.recommendation.plan.name in {"ships", "mixed"}
    assert made.of(str(made.shipped)).plan.name == "ships"


def test_a_report_tells_what_it_was_measured_on(exported: Exported, made: Report) -> None:
    assert (made.clips, made.gallery) == (4, 4)
    assert {"fp32", "clips", "catalog", "questions", "samples of ships"} <= set(made.digests)
    assert "samples of fp32" not in made.digests
    assert {"bootstrap", "likeness", "steps", "calibration of ships"} <= set(made.seeds)
    assert made.machine["cpu"]
    named = {
        name
        for one in made.measurements
        for change in one.agreement.rank_changes
        for name in (change.product_id, change.named_id)
    }
    assert named == set(made.images)
    assert all(Path(image).is_file() for image in made.images.values())
    photos = [p for m in made.measurements for c in m.agreement.rank_changes for p in c.photos]
    assert photos
    assert all((Path(made.root) / photo).is_file() for photo in photos)


def test_a_report_comes_back_from_json(made: Report) -> None:
    again = from_json(Report, json.loads(json.dumps(to_json(made), allow_nan=False)))
    assert again == made


def test_a_second_survey_measures_nothing_and_says_the_same(
    exported: Exported, place: Path, made: Report
) -> None:
    measurer, builder, stopwatch = measurer_of(exported, place, NOISE, SAVES)
    again = _survey().run(measurer, quiet)
    assert (builder.built, stopwatch.timed) == ([], 0)
    assert replace(again, machine={}) == replace(made, machine={})


def test_without_blocks_only_plans_are_measured(exported: Exported, place: Path) -> None:
    measurer, _, _ = measurer_of(exported, place, NOISE, SAVES)
    found = replace(_survey(), whole=None).run(measurer, quiet)
    assert [one.plan.name for one in found.measurements] == ["fp32", "ships"]
    assert (found.sensitivities, found.comparisons, found.search) == ((), (), ())


@pytest.mark.parametrize("name", ["ships", "fp32", "mixed"])
def test_a_name_stands_for_one_plan(
    exported: Exported, place: Path, made: Report, name: str
) -> None:
    measurer, builder, _ = measurer_of(exported, place, NOISE, SAVES)
    other = replace(INT8, name=name, submodules={"frame_encoder": SubmodulePlan("int8", BLOCKS)})
    plans = [replace(INT8, name="ships"), other]
    with pytest.raises(UsageError, match=f"two plans {name}"):
        replace(_survey(), plans=plans).run(measurer, quiet)
    assert builder.built == []
