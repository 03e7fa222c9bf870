"""How a build is set up in each generation, and what it refuses."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from export.tensorrt.adapters.choice import adapter_for
from export.tensorrt.job import BuildJob, Built
from export.tensorrt.plan_builder import PlanBuilder
from export.tensorrt.profiles import profile
from runtime.bundle.manifest import Tensor
from runtime.bundle.reader import Bundle
from runtime.errors import BuildError
from tests.export.tensorrt.fake_builder import FakeBuilding, Faults
from tests.runtime.engines.fake_cuda import FakeCuda

WORKSPACE = 123 << 20
Build = Callable[..., tuple[Built, FakeBuilding]]


@pytest.fixture
def cuda() -> Iterator[FakeCuda]:
    cuda = FakeCuda()
    cuda.open()
    yield cuda
    cuda.close()


@pytest.fixture
def job(bundle: Bundle, tmp_path: Path) -> BuildJob:
    part = bundle.manifest.tensorrt["frame_encoder"]
    return BuildJob(
        submodule="frame_encoder",
        graph=bundle.folder / part.file,
        graph_sha256=bundle.manifest.files[part.file].sha256,
        inputs=part.inputs,
        outputs=part.outputs,
        profile=profile("frame_encoder", part, bundle.manifest),
        workspace_bytes=WORKSPACE,
        out=tmp_path / "x.plan",
        timing_cache=tmp_path / "timing.cache",
    )


@pytest.fixture
def build(cuda: FakeCuda, job: BuildJob) -> Build:
    def make(version: str = "10.3.0", report: Any = None, **changes: Any) -> Any:
        module = FakeBuilding(cuda, version, Faults(**changes.pop("faults", {})))
        told = report if report is not None else lambda *_: None
        changed = job.model_copy(update=changes)
        return PlanBuilder(module, adapter_for(version), changed, told).build(), module

    return make


@pytest.mark.parametrize(
    ("version", "network", "flags"),
    [
        ("8.6.1", "EXPLICIT_BATCH", {"REFIT", "INT8", "OBEY_PRECISION_CONSTRAINTS"}),
        ("10.3.0", "STRONGLY_TYPED", set()),
        ("11.4.0", "", set()),
    ],
)
def test_each_generation_is_set_up_in_its_own_way(
    build: Build, job: BuildJob, version: str, network: str, flags: set[str]
) -> None:
    built, module = build(version)
    assert module.network is not None
    assert module.config is not None
    wanted = 1 << int(getattr(module.NetworkDefinitionCreationFlag, network)) if network else 0
    assert module.network.made_with == wanted
    assert module.config.on == flags - {"REFIT"}, "and no TF32"
    assert module.config.pools == {"WORKSPACE": WORKSPACE}
    assert module.config.profiling_verbosity.name == "DETAILED"
    (made,) = module.config.profiles
    assert made.shapes == job.profile
    assert "-TF32" in built.flags
    assert job.out.read_bytes().startswith(b"fake plan")


def test_fixed_sizes_need_no_profile(build: Build, bundle: Bundle) -> None:
    part = bundle.manifest.tensorrt["reranker"]
    _, module = build(
        submodule="reranker",
        graph=bundle.folder / part.file,
        graph_sha256=bundle.manifest.files[part.file].sha256,
        inputs=part.inputs,
        outputs=part.outputs,
        profile={},
    )
    assert module.config is not None
    assert module.config.profiles == []


@pytest.mark.parametrize(("version", "tells"), [("8.6.1", False), ("10.3.0", True), ("11.4", True)])
def test_progress_comes_from_tensorrt_where_it_tells(
    build: Build, version: str, tells: bool
) -> None:
    seen: list[tuple[str, int, int]] = []
    build(version, report=lambda *told: seen.append(told))
    assert (("Tactic Selection", 2, 2) in seen) == tells
    assert (("Building Engine", 1, 3) in seen) == tells


def test_layers_that_tell_nothing_do_not_hide_the_others(build: Build) -> None:
    built, _ = build(faults={"inspector": "broken"})
    assert built.precision_found["opaque"] == 1
    assert built.precision_found["int8"] > 0


@pytest.mark.parametrize(
    "changes",
    [
        {"inputs": (Tensor(name="pictures", dtype="uint8", shape=("N", 3)),)},
        {"outputs": ()},
    ],
    ids=["input", "output"],
)
def test_another_submodule_s_graph_is_refused_before_it_is_built(
    build: Build, job: BuildJob, changes: dict[str, Any]
) -> None:
    with pytest.raises(BuildError, match="is not the frame_encoder"):
        build(**changes)
    assert not job.out.exists()


def test_a_truncated_graph_is_refused(build: Build, job: BuildJob, tmp_path: Path) -> None:
    short = tmp_path / "short.onnx"
    short.write_bytes(job.graph.read_bytes()[:-40])
    with pytest.raises(BuildError, match="was changed"):
        build(graph=short)


def test_measurements_of_several_builds_come_together(
    build: Build, bundle: Bundle, job: BuildJob
) -> None:
    first, _ = build()
    alone = job.timing_cache.read_bytes()
    part = bundle.manifest.tensorrt["reranker"]
    other = {
        "submodule": "reranker",
        "graph": bundle.folder / part.file,
        "graph_sha256": bundle.manifest.files[part.file].sha256,
        "inputs": part.inputs,
        "outputs": part.outputs,
        "profile": {},
    }
    second, module = build(**other)
    assert module.config is not None
    assert module.config.cache is not None
    assert len(module.config.cache.entries) == 2
    assert set(alone.split(b"\n")) < set(job.timing_cache.read_bytes().split(b"\n"))
    assert first.timing_cache_sha256 != second.timing_cache_sha256


def test_what_another_build_stored_meanwhile_is_kept(build: Build, job: BuildJob) -> None:
    def meanwhile(*told: Any) -> None:
        job.timing_cache.write_bytes(b"fake timings\nof another build")

    built, _ = build(report=meanwhile)
    stored = job.timing_cache.read_bytes()
    assert b"of another build" in stored
    assert job.graph_sha256.encode() in stored
    assert built.notes == ()


@pytest.mark.parametrize(
    ("content", "faults"),
    [(b"garbage", {}), (b"fake timings\nof another GPU", {"cache": False})],
    ids=["garbage", "another machine"],
)
def test_a_timing_cache_that_does_not_fit_is_made_anew(
    build: Build, job: BuildJob, content: bytes, faults: dict[str, Any]
) -> None:
    job.timing_cache.write_bytes(content)
    built, _ = build(faults=faults)
    assert "does not fit" in built.notes[0]
    assert job.graph_sha256.encode() in job.timing_cache.read_bytes()


def test_a_timing_cache_that_cannot_be_read_does_not_stop_a_build(
    build: Build, job: BuildJob, tmp_path: Path
) -> None:
    built, _ = build(shipped_timing_cache=tmp_path)
    assert "cannot be read" in built.notes[0]
