"""Every name, enumeration member and argument that is used of TensorRT exists in its releases."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from export.tensorrt.job import BuildJob, RunJob
from export.tensorrt.profiles import profile
from export.tensorrt.references import cases
from runtime.bundle.reader import Bundle
from tests.conftest import REPOSITORY
from tests.export.tensorrt.bindings import bindings, missing_tools, offered

OFFERED = offered()


@pytest.fixture(scope="session", params=OFFERED)
def release(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Version and environment of a release's bindings."""
    if missing_tools():
        pytest.skip(f"{', '.join(missing_tools())} not installed")
    try:
        folder = tmp_path_factory.mktemp(f"tensorrt-{request.param}")
        return request.param, bindings(request.param, folder)
    except subprocess.CalledProcessError as error:
        pytest.skip(f"bindings of {request.param} are neither cached nor offered: {error.stderr}")


def _jobs(bundle: Bundle, name: str, folder: Path) -> list[dict[str, Any]]:
    part = bundle.manifest.tensorrt[name]
    shapes = profile(name, part, bundle.manifest)
    common = {"submodule": name, "inputs": part.inputs, "outputs": part.outputs}
    shipped = folder / "shipped.cache"
    shipped.write_bytes(b"fake timings\nshipped")
    build = BuildJob(
        graph=bundle.folder / part.file,
        graph_sha256=bundle.manifest.files[part.file].sha256,
        profile=shapes,
        workspace_bytes=1 << 20,
        out=folder / "x.plan",
        timing_cache=folder / "timing.cache",
        shipped_timing_cache=shipped,
        **common,
    )
    tried = cases(bundle, name, part, shapes)
    arrays = {f"{case}/{key}": a for case, given in tried.items() for key, a in given.items()}
    np.savez(folder / "feeds.npz", allow_pickle=False, **arrays)
    run = RunJob(
        plan=build.out,
        feeds=folder / "feeds.npz",
        out=folder / "out.npz",
        cases=tuple(tried),
        **common,
    )
    # Twice: the second time with a timing cache.
    kinds = [("build", build), ("build", build), ("run", run)]
    probe = {"kind": "probe", "job": {"device": 0}}
    return [probe, *({"kind": kind, "job": j.model_dump(mode="json")} for kind, j in kinds)]


def _run(release: Any, networks: Path, jobs: list[dict[str, Any]], **faults: Any) -> dict[str, Any]:
    version, environment = release
    start = [sys.executable, "-m", "tests.export.tensorrt.api_surface", version, str(networks)]
    done = subprocess.run(
        [*start, json.dumps(faults)],
        cwd=REPOSITORY,
        env={**os.environ, **environment},
        input=json.dumps(jobs),
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


@pytest.mark.parametrize("name", ["frame_encoder", "query_head"])
def test_a_build_and_a_run_use_only_what_the_release_has(
    release: Any, bundle: Bundle, networks: Path, name: str, tmp_path: Path
) -> None:
    """INT8 with sizes that vary, and FP16 with fixed ones."""
    found = _run(release, networks, _jobs(bundle, name, tmp_path))
    failures = [event["failure"] for event in found["events"] if "failure" in event]
    assert failures == []
    results = [event["result"] for event in found["events"] if "result" in event]
    assert len(results) == 4
    used = set(found["used"])
    assert used >= {
        "Builder.build_serialized_network",
        "EngineInspector.get_engine_information",
        "ICudaEngine.get_tensor_dtype",
        "IExecutionContext.execute_async_v3",
        "ITimingCache.combine",
        "OnnxParser.parse",
        "Runtime.deserialize_cuda_engine",
    }
    old = release[0].startswith("8.")
    assert ("BuilderFlag.OBEY_PRECISION_CONSTRAINTS" in used) == old
    assert ("NetworkDefinitionCreationFlag.STRONGLY_TYPED" in used) == release[0].startswith("10.")
    assert ("IBuilderConfig.progress_monitor" in used) == (not old)
    assert ("IProgressMonitor.step_complete" in used) == (not old)
    assert "ILogger.log" in used


def test_a_parser_error_is_told_with_what_the_release_has(
    release: Any, bundle: Bundle, tmp_path: Path
) -> None:
    """No description of the network: reading it fails in the fake, as a parser's error."""
    networks = tmp_path / "broken"
    networks.mkdir()
    part = bundle.manifest.tensorrt["reranker"]
    (networks / f"{bundle.manifest.files[part.file].sha256}.json").write_text('"unreadable"')
    found = _run(release, networks, _jobs(bundle, "reranker", tmp_path)[:2])
    why = found["events"][-1]["failure"]["why"]
    assert "no importer for this operator" in why
    assert ("node 7" if release[0].startswith("8.") else "/trunk/odd (Odd)") in why
    assert "ParserError.desc" in found["used"]


def test_layers_are_read_one_by_one_with_what_the_release_has(
    release: Any, bundle: Bundle, networks: Path, tmp_path: Path
) -> None:
    jobs = _jobs(bundle, "reranker", tmp_path)[:2]
    found = _run(release, networks, jobs, inspector="broken")
    assert found["events"][-1]["result"]["precision_found"]["opaque"] == 1
    assert {"EngineInspector.get_layer_information", "ICudaEngine.num_layers"} <= set(found["used"])


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("trt.BuilderFlag.NO_SUCH", "BuilderFlag has no NO_SUCH"),
        ("trt.NoSuch", "tensorrt has no NoSuch"),
        ("builder.no_such", "Builder has no no_such"),
        ("trt.Builder(logger, 1)", "__init__ does not take"),
        ("trt.Builder(None)", "__init__ does not take"),
        ("builder.create_network(flag=1)", "create_network does not take"),
        ("builder.create_network('1')", "create_network does not take"),
        ("config.set_flag(trt.DataType.FLOAT)", "set_flag does not take"),
        ("setattr(builder, 'logger', logger)", "Builder.logger cannot be set"),
        ("setattr(config, 'profiling_verbosity', 1)", "profiling_verbosity cannot be 1"),
    ],
)
def test_a_wrong_name_would_be_found(release: Any, code: str, said: str) -> None:
    version, environment = release
    script = (
        "import importlib, os, sys; sys.path.insert(0, os.environ['BINDINGS'])\n"
        "from tests.export.tensorrt.api_surface import *\n"
        "real = importlib.import_module('tensorrt_bindings.tensorrt')\n"
        "cuda = FakeCuda(); cuda.open()\n"
        f"trt = Module(Surface(real), FakeBuilding(cuda, '{version}'))\n"
        "start = lambda made: real.ILogger.__init__(made)\n"
        "logger = type('Logger', (real.ILogger,), {'__init__': start})()\n"
        "builder = trt.Builder(logger)\n"
        "config = builder.create_builder_config()\n"
        f"try:\n    {code}\nexcept SurfaceError as error:\n    print(error)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script],
        cwd=REPOSITORY,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
    )
    assert said in done.stdout, done.stderr


def test_every_generation_is_covered() -> None:
    assert {version.partition(".")[0] for version in OFFERED} >= {"10", "11"}
