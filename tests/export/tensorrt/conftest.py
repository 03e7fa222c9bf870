"""A bundle with graphs for TensorRT, and builders whose GPU is made up."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

from export.precision.maker import make_bundle
from export.precision.presets import named_plan
from export.tensorrt import bundle_builder, worker
from export.tensorrt.build_report import BuildOptions
from export.tensorrt.bundle_builder import BundleBuilder
from export.tensorrt.child import Child, Watch, _error
from export.tensorrt.job import Failure
from export.tensorrt.worker import answer
from runtime.bundle.reader import Bundle, open_bundle
from runtime.engines.cuda import Gpu
from tests.export.conftest import Exported
from tests.export.tensorrt.fake_network import describe
from tests.export.tensorrt.fake_worker import fake_worker

ORIN = Gpu("Orin", "8.7", "12.6", 0, 1)


@pytest.fixture(scope="session")
def bundle(exported: Exported, tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    """INT8 encoders and FP16 heads, as they ship."""
    out = tmp_path_factory.mktemp("for_tensorrt") / "bundle"
    make_bundle(exported.bundle, named_plan("int8", "tiny", "tensorrt"), exported.samples, out)
    return open_bundle(out)


@pytest.fixture(scope="session")
def networks(bundle: Bundle, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What a parser finds in the graphs, for processes without the onnx package."""
    folder = tmp_path_factory.mktemp("networks")
    for part in bundle.manifest.tensorrt.values():
        onnx = (bundle.folder / part.file).read_bytes()
        name = f"{hashlib.sha256(onnx).hexdigest()}.json"
        (folder / name).write_text(json.dumps(describe(onnx)))
    return folder


class InProcess(Child):
    """Does jobs in this process on a made-up GPU, a new one for every job, as processes have.

    Args:
        told: as the fake worker's environment variable.
    """

    def __init__(self, **told: Any) -> None:
        super().__init__()
        self.told = told
        self.jobs: list[tuple[str, str]] = []

    def do(self, kind: str, job: BaseModel, watch: Watch) -> dict[str, Any]:
        self.jobs.append((kind, getattr(job, "submodule", "")))
        events: list[dict[str, Any]] = []
        request = {"kind": kind, "job": job.model_dump(mode="json")}
        answer(fake_worker(events.append, self.told), request, events.append)
        if "failure" in events[-1]:
            raise _error(Failure(**events[-1]["failure"]))
        result: dict[str, Any] = events[-1]["result"]
        return result

    @property
    def built(self) -> list[str]:
        return [submodule for kind, submodule in self.jobs if kind == "build"]


@pytest.fixture
def made_up_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (bundle_builder, worker):
        monkeypatch.setattr(module, "ask_driver", lambda ordinal: ORIN)
    monkeypatch.setattr(bundle_builder.machine, "memory_bytes", lambda: (8 << 30, 6 << 30))


@pytest.fixture
def builder(
    bundle: Bundle, tmp_path: Path, made_up_gpu: None
) -> Callable[..., tuple[BundleBuilder, InProcess, list[str]]]:
    """Makes a builder, the child that works for it, and the list of what it says."""

    def make(
        of: Bundle = bundle, child: InProcess | None = None, **options: Any
    ) -> tuple[BundleBuilder, InProcess, list[str]]:
        said: list[str] = []
        child = child or InProcess()
        chosen = BuildOptions(**{"out": tmp_path / "engines", **options})
        return BundleBuilder(of, chosen, said.append, child), child, said

    return make
