"""A machine with a GPU and TensorRT that are fakes, and engines built for it."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from runtime.bundle.manifest import SUBMODULES, Manifest, SelfTest, Submodule
from runtime.bundle.reader import Bundle, open_bundle
from runtime.bundle.vectors import Vectors, write_vectors
from runtime.bundle.writer import seal
from runtime.engines.cuda import Gpu
from runtime.engines.engine_store import EngineStore, fingerprint_here
from runtime.engines.fingerprint import EngineRecord, Fingerprint, side_car
from runtime.engines.selection import Machine
from tests.runtime.bundle.conftest import make_manifest
from tests.runtime.engines.fake_cuda import FakeCuda
from tests.runtime.engines.fake_kernels import FakeKernels
from tests.runtime.engines.fake_tensorrt import FakeTensorRt, make_plan

GPU = Gpu("Fake GPU", "8.7", "12.6", 0, 1)
TENSORRT = "10.3.0"


@dataclass
class GpuMachine:
    """What a test may change before it asks, and look at afterwards."""

    folder: Path
    cuda: FakeCuda = field(default_factory=FakeCuda)
    failing: dict[str, Exception] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.tensorrt = FakeTensorRt(self.cuda, TENSORRT)

    @property
    def engines(self) -> Path:
        return self.folder / "engines"

    @property
    def here(self) -> Fingerprint:
        return fingerprint_here(GPU, TENSORRT)

    def machine(self) -> Machine:
        return Machine(
            ask_driver=self._asked("driver", lambda: GPU),
            cuda=self._asked("cuda", lambda: self.cuda),
            load_tensorrt=self._asked("tensorrt", lambda: self.tensorrt),
            kernels=lambda: FakeKernels(self.cuda),
            engines=lambda: self.engines,
            state=lambda: self.folder / "state",
        )

    def _asked(self, what: str, answer: Callable[[], Any]) -> Callable[[], Any]:
        def ask() -> Any:
            self.asked.append(what)
            if what in self.failing:
                raise self.failing[what]
            return answer()

        return ask

    def store(self, bundle: Bundle, here: Fingerprint | None = None) -> EngineStore:
        return EngineStore(self.engines, bundle.digest, here or self.here)

    def build(self, bundle: Bundle, here: Fingerprint | None = None, **header: Any) -> None:
        """What `sgmn build` leaves; ``header`` goes into the plans."""
        store = self.store(bundle, here)
        store.folder.mkdir(parents=True, exist_ok=True)
        for name in SUBMODULES:
            self.put(bundle, name, store, **header)

    def put(self, bundle: Bundle, name: str, store: EngineStore, **header: Any) -> None:
        graph = bundle.manifest.tensorrt[name]
        plan = make_plan((bundle.folder / graph.file).read_bytes(), fused=True, **header)
        self.write(bundle, name, store, plan)

    def write(self, bundle: Bundle, name: str, store: EngineStore, plan: bytes) -> None:
        """A plan with its record; not by `put`, which waits for the disk."""
        record = make_record(bundle, name, plan, store.fingerprint)
        place = store.plan(name, bundle.manifest.tensorrt[name].precision)
        place.write_bytes(plan)
        side_car(place).write_text(record.model_dump_json())


def make_record(bundle: Bundle, name: str, plan: bytes, here: Fingerprint) -> EngineRecord:
    graph = bundle.manifest.tensorrt[name]
    return EngineRecord(
        submodule=name,
        plan_sha256=hashlib.sha256(plan).hexdigest(),
        plan_bytes=len(plan),
        onnx_sha256=bundle.manifest.files[graph.file].sha256,
        fingerprint=here,
        precision_asked=graph.precision,
        build_seconds=1.0,
        peak_memory_bytes=1,
        built_with="0",
    )


def doubling_onnx() -> bytes:
    """y = x + x, of x float32 [N, 3]."""
    import onnx
    from onnx import TensorProto, helper

    value = helper.make_tensor_value_info
    graph = helper.make_graph(
        [helper.make_node("Add", ["x", "x"], ["y"])],
        "double",
        [value("x", TensorProto.FLOAT, ["N", 3])],
        [value("y", TensorProto.FLOAT, ["N", 3])],
    )
    opset = [helper.make_opsetid("", 17)]
    model: bytes = helper.make_model(graph, opset_imports=opset, ir_version=8).SerializeToString()
    assert onnx
    return model


def doubling_bundle(folder: Path, *, graphs: bool = True, self_test: bool = True) -> Bundle:
    """A bundle of five tiny graphs for the processor and for TensorRT, with a self-test."""
    (folder / "onnx").mkdir(parents=True)
    onnx = doubling_onnx()
    parts: dict[str, Submodule] = {}
    for name, part in make_manifest().submodules.items():
        parts[name] = part.model_copy(update={"file": f"onnx/{name}.trt.onnx"})
        (folder / part.file).write_bytes(onnx)
        if graphs:
            # Of its own digest each, as real graphs are.
            (folder / parts[name].file).write_bytes(onnx + _comment(name))
    (folder / "tokenizer.json").write_text("{}")
    update: dict[str, Any] = {"tensorrt": parts if graphs else {}}
    if self_test:
        x = np.arange(6, dtype=np.float32).reshape(2, 3)
        stored = {name: Vectors({"x": x}, {"y": 2 * x}) for name in SUBMODULES}
        write_vectors(folder / "self_test.npz", stored)
        update["self_test"] = SelfTest(tolerance=dict.fromkeys(SUBMODULES, 1e-3))
    seal(folder, make_manifest().model_copy(update=update))
    return open_bundle(folder)


def _comment(text: str) -> bytes:
    """A ``doc_string`` of an ONNX model, which may stand at its end."""
    return bytes([0x32, len(text)]) + text.encode()


def with_graphs(shipped: Path, folder: Path) -> Bundle:
    """The shipped bundle with its own graphs for TensorRT as well."""
    import shutil

    shutil.copytree(shipped, folder)
    manifest = Manifest.model_validate_json((folder / "manifest.json").read_bytes())
    seal(folder, manifest.model_copy(update={"tensorrt": manifest.submodules}))
    return open_bundle(folder)
