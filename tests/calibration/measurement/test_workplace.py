"""A folder of measurements, and bundles that are there already."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from calibration.measurement.builder import FP32, plan_of
from calibration.measurement.steps import Conditions
from calibration.measurement.workplace import Sources, Workplace
from export.precision.maker import make_bundle
from export.precision.presets import named_plan
from runtime.bundle.reader import open_bundle
from runtime.bundle.writer import seal
from runtime.errors import UsageError
from tests.calibration.measurement.made_up_plans import exam_of
from tests.export.conftest import Exported

INT8 = named_plan("int8", "tiny")


@pytest.fixture(scope="module")
def shipped(exported: Exported, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("shipped") / "bundle"
    make_bundle(exported.bundle, INT8, exported.samples, folder)
    return folder


def _place(exported: Exported, out: Path, shipped: Path) -> Workplace:
    return Workplace(
        source=open_bundle(exported.bundle),
        exam=exam_of(exported),
        sources=Sources((exported.feed,), (exported.root / "dev" / "images" / "train",)),
        out=out,
        conditions=Conditions(items=30, rounds=4, warm_up=1),
        ready={"shipped": open_bundle(shipped)},
    )


def test_what_ships_is_measured_as_it_is(exported: Exported, shipped: Path, tmp_path: Path) -> None:
    place = _place(exported, tmp_path, shipped)
    ((plan, bundle),) = place.plans()
    assert (plan.name, bundle.folder) == ("shipped", shipped)
    assert plan.of("frame_encoder") == INT8.of("frame_encoder")
    with place.open() as measurer:
        found = measurer.measure(plan)
        assert not (tmp_path / "bundles").exists() or not list((tmp_path / "bundles").iterdir())
        assert measurer.measure(FP32).latency is not None
    assert found.bundle_digest == open_bundle(shipped).digest
    assert found.latency is not None
    assert found.latency.ratio is not None
    assert found.peak_memory_bytes is not None
    assert found.cosine["frame_encoder.cls"].mean < 1


def test_a_plan_of_the_same_name_is_built(
    exported: Exported, shipped: Path, tmp_path: Path
) -> None:
    place = _place(exported, tmp_path, shipped)
    other = replace(named_plan("int8-all", "tiny"), name="shipped")
    with place.open() as measurer:
        assert measurer.sizes(other).digest != open_bundle(shipped).digest


def test_another_network_is_refused(exported: Exported, shipped: Path, tmp_path: Path) -> None:
    from shutil import copytree

    copytree(shipped, tmp_path / "other")
    manifest = open_bundle(shipped).manifest
    seal(
        tmp_path / "other",
        manifest.model_copy(update={"provenance": {"training": {"seed": 8}}}),
    )
    with (
        pytest.raises(UsageError, match="not of the network"),
        _place(exported, tmp_path / "out", tmp_path / "other").open(),
    ):
        pass


def test_a_bundle_that_does_not_tell_its_plan(exported: Exported) -> None:
    plan = plan_of(exported.manifest, "unnamed")
    assert {plan.of(name).precision for name in exported.manifest.submodules} == {"fp32"}
    half = exported.manifest.model_copy(
        update={
            "submodules": {
                name: part.model_copy(update={"precision": "fp16"})
                for name, part in exported.manifest.submodules.items()
            }
        }
    )
    assert plan_of(half, "half").of("reranker").precision == "fp16"
