"""Every section on a made-up GPU: what it finds by value, and what it must refuse."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from calibration.bench.harness import WORDS
from calibration.bench.torch_forms import as_it_is
from calibration.gpu_check import fallbacks as fallbacks_section
from calibration.gpu_check import rivals as rivals_section
from calibration.gpu_check.accuracy import accuracy
from calibration.gpu_check.building import build as build_section
from calibration.gpu_check.cases import EXPECTED, TRIALS
from calibration.gpu_check.environment import environment
from calibration.gpu_check.fallbacks import refused_by_tensorrt, refused_unread
from calibration.gpu_check.job import Data, Job
from calibration.gpu_check.latency import CHAIN, REPEATS, SINGLE, latency
from calibration.gpu_check.memory import memory, slope, watch
from calibration.gpu_check.outcome import SkippedError
from calibration.gpu_check.parity import Ranked, apart, step_parity
from calibration.gpu_check.search import difference, search
from calibration.gpu_check.torch_times import torch_times
from runtime.bundle.manifest import SUBMODULES
from runtime.engines.native import Search
from runtime.errors import BuildError, EngineError, GpuError
from tests.calibration.gpu_check.conftest import Kept
from tests.calibration.gpu_check.fake_lab import FakeGpu, Following
from tests.export.conftest import Exported

Build = Callable[..., None]
TINY = {"preset": "tiny", "precision": "int8"}


def test_the_environment_names_all_versions(job: Job, gpu: FakeGpu, tell: Kept) -> None:
    environment(gpu.lab(job), tell)
    assert tell.found["tensorrt"] == "10.3.0"
    assert tell.found["gpu"]["name"] == "Fake GPU"
    assert tell.found["versions"]["numpy"] == np.__version__
    assert tell.found["cuda"]["binding"] == "fake 1.0"


@pytest.mark.parametrize("precision", ["int8", "fp16", "fp32"])
@pytest.mark.parametrize("version", ["8.6.1", "10.16.1", "11.4.0"])
def test_engines_are_built_in_every_precision(
    job: Job, gpu: FakeGpu, tell: Kept, precision: str, version: str
) -> None:
    gpu.version = version
    build_section(gpu.lab(job), tell, "tiny", precision)
    engines = {one["submodule"]: one for one in tell.found["engines"]}
    assert list(engines) == list(SUBMODULES)
    encoder = engines["frame_encoder"]
    assert encoder["precision_asked"] == precision
    assert encoder["precision_found"].get(precision, 0) > 0
    assert encoder["least_cosine"] > 0.99
    assert tell.found["build_seconds"] >= 0
    assert tell.found["peak_memory_bytes"] > 40 << 20


def test_an_engine_in_another_precision_is_told_and_measured(
    job: Job, gpu: FakeGpu, tell: Kept
) -> None:
    gpu.faults = {"precision": "fp32"}
    build_section(gpu.lab(job), tell, "tiny", "int8")
    assert all(
        one["fell_back"] for one in tell.found["engines"] if one["precision_asked"] == "int8"
    )
    latency(gpu.lab(job), tell, "tiny")
    assert list(tell.found["alternatives"]) == ["int8"]


def test_an_engine_that_computes_something_else_fails(job: Job, gpu: FakeGpu, tell: Kept) -> None:
    gpu.faults = {"scale": 1.5}
    with pytest.raises(BuildError):
        build_section(gpu.lab(job), tell, "tiny", "int8")


def test_a_step_is_the_same_on_the_device(job: Job, gpu: FakeGpu, tell: Kept, build: Build) -> None:
    build("fp32", "int8")
    step_parity(gpu.lab(job), tell, "tiny", "fp32")
    assert tell.found["from_processor"]["reranked"] < 1e-3
    assert tell.found["chain"]["scores"] < 1e-3
    assert tell.found["graph"] is True
    step_parity(gpu.lab(job), tell, "tiny", "int8")
    assert tell.found["most_from_processor"] is None


def test_without_the_library_engines_are_compared_one_by_one(
    job: Job, gpu: FakeGpu, tell: Kept, build: Build
) -> None:
    build("fp32")
    gpu.kernels = False
    step_parity(gpu.lab(job), tell, "tiny", "fp32")
    assert tell.found["chain"] is None
    assert "not built" in tell.found["why_no_chain"]


class WrongPicture(Following):
    """Scales a part of the picture only."""

    def square(self, frame: int, side: int, target: int, size: int, stream: int) -> None:
        super().__getattr__("square")(frame, side // 2, target, size, stream)


def test_a_device_that_sees_something_else_is_found(
    job: Job, gpu: FakeGpu, tell: Kept, build: Build
) -> None:
    build("fp32")
    lab = gpu.lab(job)
    broken = replace(lab, here=replace(lab.here, kernels=lambda: WrongPicture(gpu)))
    with pytest.raises(EngineError, match="its own engines one by one"):
        step_parity(broken, tell, "tiny", "fp32")
    assert tell.found["from_processor"]["reranked"] < 1e-3, "the engines themselves are right"


class WrongSearch(Following):
    """Finds the row behind the best one as well, and not the last."""

    def search(self, search: Search, stream: int) -> None:
        wrong = type(search).from_buffer_copy(search)
        wrong.rows -= 1
        super().__getattr__("search")(wrong, stream)


def test_a_search_that_leaves_a_row_out_is_found(job: Job, gpu: FakeGpu, tell: Kept) -> None:
    lab = gpu.lab(job)
    search(lab, tell)
    assert tell.found["sizes"].keys() == {"100", "1000"}
    assert all(one["largest_difference"] < 1e-5 for one in tell.found["sizes"].values())
    # The last row is the first one again, so that leaving it out shows in the second place.
    broken = replace(lab, here=replace(lab.here, kernels=lambda: WrongSearch(gpu)))
    with pytest.raises(EngineError, match="finds others"):
        search(broken, tell)


def test_a_catalog_that_has_no_room_is_told(job: Job, gpu: FakeGpu, tell: Kept) -> None:
    gpu.capacity = 129 << 20
    search(gpu.lab(job.model_copy(update={"sizes": (100, 5_000)})), tell)
    assert "p50_ms" in tell.found["sizes"]["100"]
    assert "are free" in tell.found["sizes"]["5000"]["skipped"]


def test_no_library_is_no_search(job: Job, gpu: FakeGpu, tell: Kept) -> None:
    gpu.kernels = False
    with pytest.raises(SkippedError, match="no search"):
        search(gpu.lab(job), tell)


SCORES = np.array([0.1, 0.9, 0.5, 0.9, 0.3], np.float32)


@pytest.mark.parametrize(
    ("rows", "got", "expected"),
    [
        ([1, 3, 2], [0.9, 0.9, 0.5], 0.0),
        ([3, 1, 2], [0.9, 0.9, 0.5], np.inf),  # equal scores, later row first
        ([1, 3, 4], [0.9, 0.9, 0.3], 0.2),
        ([1, 3, 2], [0.9, 0.9, 0.6], 0.1),
        ([1, 1, 2], [0.9, 0.9, 0.5], np.inf),
        ([1, 3, -1], [0.9, 0.9, 0.0], np.inf),
        ([1, 3, 5], [0.9, 0.9, 0.5], np.inf),
    ],
)
def test_answers_are_compared_by_value(rows: list[int], got: list[float], expected: float) -> None:
    found = difference(SCORES, rows, np.array(got, np.float32))
    assert found == pytest.approx(expected, abs=1e-6)


def test_places_that_a_small_catalog_cannot_fill_do_not_count() -> None:
    rows, got = [1, 3, 2, 4, 0, -1, -1], [0.9, 0.9, 0.5, 0.3, 0.1, 0.0, 0.0]
    assert difference(SCORES, rows, np.array(got, np.float32)) == 0.0


def test_steps_are_compared_by_row() -> None:
    first = Ranked([4, 2], np.array([1.0, 0.5]), np.array([2.0, -1.0]))
    same = Ranked([2, 4], np.array([0.5, 1.0]), np.array([-1.0, 2.0]))
    assert (apart(first, same).shared, apart(first, same).reranked) == (1.0, 0.0)
    other = Ranked([2, 9], np.array([0.4, 1.0]), np.array([-1.0, 2.0]))
    assert apart(first, other).shared == 0.5
    assert apart(first, other).scores == pytest.approx(0.2)
    assert not apart(first, Ranked([7], np.array([1.0]), np.array([1.0]))).within(1e9)
    broken = Ranked([4, 2], np.array([1.0, 0.5]), np.array([np.nan, 1.0]))
    assert not apart(first, broken).within(1e9)


def test_every_precision_that_was_built_is_timed(
    job: Job, gpu: FakeGpu, tell: Kept, build: Build
) -> None:
    build("int8", "fp16")
    latency(gpu.lab(job), tell, "tiny")
    assert list(tell.found["alternatives"]) == ["int8", "fp16"]
    assert tell.found["mode"] == CHAIN
    assert tell.found["items"] == 40
    assert {tuple(one) for one in tell.found["submodules_ms"].values()} == {SUBMODULES}
    gpu.kernels = False
    latency(gpu.lab(job), tell, "tiny")
    assert tell.found["mode"] == SINGLE


def test_without_engines_there_is_nothing_to_time(job: Job, gpu: FakeGpu, tell: Kept) -> None:
    with pytest.raises(SkippedError, match="no engines of tiny"):
        latency(gpu.lab(job), tell, "tiny")


def test_torch_is_timed_on_the_same_work(
    job: Job, gpu: FakeGpu, tell: Kept, build: Build, monkeypatch: pytest.MonkeyPatch
) -> None:
    build()

    def refusing(*args: Any) -> Any:
        raise RuntimeError("no compiler\nand much more")

    def forms(device: str) -> dict[str, Callable[..., Any]]:
        return {"torch_eager": as_it_is, "torch_compile": refusing}

    monkeypatch.setattr(rivals_section, "forms", forms)
    rivals_section.rivals(gpu.lab(job), tell, "tiny", device="cpu")
    assert tell.found["ratios"].keys() == {"torch_eager"}
    assert tell.found["skipped"] == {"torch_compile": "no compiler"}
    assert tell.found["alternatives"].keys() == {"tensorrt", "torch_eager"}


def test_torch_is_timed_alone_where_tensorrt_is_elsewhere(
    material: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rivals_section, "forms", lambda device: {"torch_eager": as_it_is})
    found = torch_times(material, "tiny", items=40, rounds=3, seed=0, device="cpu")
    assert json.loads(json.dumps(found)) == found
    assert found["alternatives"]["torch_eager"]["samples"] == 3 * REPEATS
    assert (found["items"], found["words"], found["skipped"]) == (40, WORDS, {})


def test_torch_without_a_gpu_is_skipped(job: Job, gpu: FakeGpu, tell: Kept) -> None:
    import torch

    if torch.cuda.is_available():
        pytest.skip("there is a GPU")
    with pytest.raises(SkippedError, match="finds no GPU"):
        rivals_section.rivals(gpu.lab(job), tell, "tiny")


def test_broken_installations_are_told(job: Job, gpu: FakeGpu, tell: Kept, build: Build) -> None:
    build()
    refused_unread(gpu.lab(job), tell, **TINY)
    assert {name: one["found"] for name, one in tell.found["cases"].items()} == EXPECTED
    for case, expected in TRIALS.items():
        refused_by_tensorrt(gpu.lab(job), tell, **TINY, case=case)
        assert tell.found["cases"][case] == {"expected": expected, "found": expected}
    assert not (job.work / "spoilt").exists()
    assert all(device.used == 0 for device in gpu.devices)


def test_memory_that_other_programs_need_is_not_filled(
    job: Job, gpu: FakeGpu, tell: Kept, build: Build, monkeypatch: pytest.MonkeyPatch
) -> None:
    build()
    monkeypatch.setattr(fallbacks_section, "driver_version", lambda: "L4T R36.4.3")
    with pytest.raises(SkippedError, match="memory of a Jetson"):
        refused_by_tensorrt(gpu.lab(job), tell, **TINY, case="out-of-memory")
    assert not (job.work / "spoilt").exists()


def test_an_outcome_that_is_not_expected_fails(
    job: Job, gpu: FakeGpu, tell: Kept, build: Build, monkeypatch: pytest.MonkeyPatch
) -> None:
    build()
    # A runtime that does not compare digests would load what is left of the plan.
    monkeypatch.setattr(
        "runtime.engines.tensorrt_engine.TensorRtEngine._verified",
        lambda self: self._plan.read_bytes(),
    )
    with pytest.raises(EngineError, match="told wrong"):
        refused_unread(gpu.lab(job), tell, **TINY)
    assert tell.found["cases"]["truncated-plan"]["found"] == "fallback:tensorrt"
    assert tell.found["cases"]["as-built"]["found"] == "tensorrt"


def test_memory_is_watched_over_all_steps(job: Job, gpu: FakeGpu, tell: Kept, build: Build) -> None:
    build()
    memory(gpu.lab(job), tell, "tiny")
    assert (tell.found["steps"], tell.found["asked"]) == (200, 200)
    assert tell.found["device"]["bytes_a_step"] == 0.0
    assert tell.found["host"]["last_bytes"] > 1 << 20


def test_a_leak_is_a_slope() -> None:
    kept = 0

    def step(number: int) -> None:
        nonlocal kept
        kept += 1000 if number >= 100 else 50_000  # what fills at the beginning is no leak

    taken = watch(step, {"leak": lambda: kept, "flat": lambda: 7}, 1000)
    assert len(taken["leak"]) == 100
    assert slope(taken["leak"]) == pytest.approx(1000.0)
    assert slope(taken["flat"]) == pytest.approx(0.0)


def test_time_ends_the_watch() -> None:
    taken = watch(lambda number: None, {"flat": lambda: 1.0}, 1000, lambda: True)
    assert taken["flat"] == [(10, 1.0)]


def test_accuracy_is_that_of_the_engines(
    job: Job, gpu: FakeGpu, tell: Kept, build: Build, exported: Exported
) -> None:
    build("fp32")
    clips = exported.root / "dev" / "clips_val.jsonl"
    data = Data(clips=clips, root=exported.root, catalog=exported.feed)
    accuracy(gpu.lab(job.model_copy(update={"data": data})), tell, "tiny", "fp32")
    assert tell.found["clips"] > 0
    assert 0.0 <= tell.found["accuracy"]["all"]["r1"]["value"] <= 1.0
    assert gpu.devices[-1].made > 5, "queries and catalog came through TensorRT"


def test_without_clips_there_is_no_accuracy(job: Job, gpu: FakeGpu, tell: Kept) -> None:
    with pytest.raises(SkippedError, match="no labelled clips"):
        accuracy(gpu.lab(job), tell, "tiny", "int8")


def test_drawn_weights_have_no_accuracy(
    job: Job, gpu: FakeGpu, tell: Kept, exported: Exported, tmp_path: Any
) -> None:
    about = {"presets": {"tiny": {"weights": "drawn"}}}
    (tmp_path / "material.json").write_text(json.dumps(about))
    data = Data(clips=exported.feed, root=exported.root, catalog=exported.feed)
    drawn = job.model_copy(update={"data": data, "material": tmp_path})
    with pytest.raises(SkippedError, match="were drawn"):
        accuracy(gpu.lab(drawn), tell, "tiny", "int8")


def test_a_driver_that_fails_is_an_error_of_the_section(job: Job, gpu: FakeGpu, tell: Kept) -> None:
    lab = gpu.lab(job)

    def none() -> Any:
        raise GpuError("the GPU cannot be used", reason="no-driver", why="gone", fix="mend it")

    with pytest.raises(GpuError):
        environment(replace(lab, here=replace(lab.here, ask_driver=none)), tell)
    assert "versions" in tell.found
