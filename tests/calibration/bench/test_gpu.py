"""The contests on a GPU: TensorRT and CUDA are made up, torch takes the processor for one."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from calibration.bench.gpu import Place
from calibration.bench.material import twins
from calibration.bench.run import Bench, Settings, Sources
from export.precision.maker import make_bundle
from export.precision.presets import named_plan
from export.tensorrt.bundle_builder import BuildOptions, BundleBuilder
from runtime.bundle.manifest import SUBMODULES
from runtime.bundle.reader import open_bundle
from runtime.catalog.progress import no_progress
from tests.calibration.gpu_check.fake_lab import FakeGpu, make_up_driver
from tests.export.conftest import Exported


@pytest.fixture(scope="module")
def for_gpus(exported: Exported, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bundle for TensorRT, whose submodules for the processor are FP32."""
    folder = tmp_path_factory.mktemp("for_gpus") / "bundle"
    plan = named_plan("int8", "tiny", "tensorrt")
    make_bundle(exported.bundle, plan, exported.samples, folder)
    return folder


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> FakeGpu:
    make_up_driver(monkeypatch.setattr)
    return FakeGpu()


@pytest.fixture
def place(fake: FakeGpu, tmp_path: Path) -> Place:
    """A machine with a made-up GPU and folders of its own."""
    engines, state = tmp_path / "engines", tmp_path / "state"
    machine = replace(fake.machine(), engines=lambda: engines, state=lambda: state)
    return Place(machine, device="cpu")


def _build(bundle: Path, fake: FakeGpu, place: Place) -> None:
    options = BuildOptions(out=place.machine.engines(), workspace_bytes=16 << 20)
    BundleBuilder(open_bundle(bundle), options, lambda line: None, fake.child()).build()


def _run(exported: Exported, bundle: Path, place: Place, tensorrt: Path | None = None) -> dict:
    sources = Sources(bundle, exported.bundle, exported.checkpoint, Path("unused"), tensorrt)
    settings = Settings(parts=("gpu",), threads=(1,), items=40, rounds=2)
    found = Bench(sources, settings, no_progress, place).run()
    return json.loads(json.dumps(found.as_dict(raw=True)))


def test_tensorrt_and_torch_are_timed_on_the_same_work(
    exported: Exported, for_gpus: Path, fake: FakeGpu, place: Place
) -> None:
    _build(for_gpus, fake, place)
    found = _run(exported, for_gpus, place)
    assert found["skipped"] == {}
    kiosk, *alone = found["contests"]
    assert set(kiosk["alternatives"]) == {
        *("tensorrt_step", "tensorrt_clip"),
        *("torch_eager_step", "torch_eager_clip", "torch_eager_frames"),
    }
    assert len(kiosk["alternatives"]["tensorrt_clip"]["rounds_ms"]) == 2
    assert [one["name"] for one in alone] == [f"{name} on the GPU" for name in SUBMODULES]
    assert all(set(one["alternatives"]) == {"tensorrt", "torch_eager"} for one in alone)
    assert found["ratios"].keys() == {
        *("step_tensorrt_vs_torch_eager", "clip_tensorrt_vs_torch_eager"),
        *(f"{name}_tensorrt_vs_torch_eager" for name in SUBMODULES),
    }
    assert "Fake GPU" in found["gpu"]["runs_on"]
    assert found["gpu"]["bundle"] == open_bundle(for_gpus).digest
    assert all(device.used == 0 for device in fake.devices), "all that was taken is given back"


def test_the_bundle_for_the_gpu_may_be_another_than_the_processors(
    exported: Exported, quantised: Path, for_gpus: Path, fake: FakeGpu, place: Place
) -> None:
    told = _run(exported, quantised, place)["skipped"]["gpu"]
    assert "this bundle is for the processor" in told
    _build(for_gpus, fake, place)
    found = _run(exported, quantised, place, tensorrt=for_gpus)
    assert found["gpu"]["bundle"] == open_bundle(for_gpus).digest


def test_without_engines_it_is_told_and_the_rest_goes_on(
    exported: Exported, for_gpus: Path, place: Place
) -> None:
    found = _run(exported, for_gpus, place)
    assert "engine" in found["skipped"]["gpu"]
    assert found["contests"] == []


def test_without_a_gpu_it_is_told(exported: Exported, for_gpus: Path) -> None:
    import torch

    if torch.cuda.is_available():
        pytest.skip("there is a GPU")
    assert "GPU" in _run(exported, for_gpus, Place())["skipped"]["gpu"]


def test_a_torch_that_cannot_use_the_gpu_takes_no_part(
    exported: Exported, for_gpus: Path, place: Place
) -> None:
    import torch

    if torch.cuda.is_available():
        pytest.skip("there is a GPU")
    told = _run(exported, for_gpus, replace(place, device="cuda"))["skipped"]["gpu"]
    assert "torch cannot use the GPU" in told


def test_a_bundle_for_tensorrt_is_its_own_twin_on_a_processor(
    exported: Exported, for_gpus: Path, tmp_path: Path
) -> None:
    material = twins(for_gpus, None, exported.checkpoint, tmp_path)
    assert (material.quantised, material.fp32) == (None, for_gpus)
    assert list(tmp_path.iterdir()) == [], "nothing had to be exported"
