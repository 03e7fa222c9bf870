"""A ``tensorrt`` module whose plans are ONNX files, run by ONNX Runtime on a `FakeCuda`.

It has what the runtime uses of the real one, under the same names, and is as strict: an address
for every tensor before a run, shapes within the profile, and ``None`` where something fails.
"""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Mapping, Sequence
from types import SimpleNamespace
from typing import Any

import numpy as np
import onnxruntime

from tests.runtime.engines.fake_cuda import FakeCuda, MisuseError

MAGIC = b"fake plan\n"
MOST = 4
_TYPES = {
    "tensor(float)": "FLOAT",
    "tensor(float16)": "HALF",
    "tensor(int64)": "INT64",
    "tensor(uint8)": "UINT8",
}
_NUMPY = {
    "FLOAT": "float32",
    "HALF": "float16",
    "INT64": "int64",
    "INT32": "int32",
    "UINT8": "uint8",
}
TensorIOMode = SimpleNamespace(INPUT="input", OUTPUT="output", NONE="none")
Severity = SimpleNamespace(INTERNAL_ERROR=0, ERROR=1, WARNING=2, INFO=3, VERBOSE=4)


def make_plan(onnx: bytes, *, most: int = MOST, **header: Any) -> bytes:
    """A plan of an ONNX file.

    Args:
        onnx: the file's bytes.
        most: largest size of letters in its inputs' shapes; of L, 64.
        header: ``crash=True`` ends the process when it is loaded, ``refuse=True`` does not load,
            ``narrow=True`` makes int64 inputs int32 as TensorRT 8.6 does, ``scale`` multiplies all
            outputs, ``fused=True`` computes to the bit what ONNX Runtime does on the processor.
    """
    return MAGIC + json.dumps({"most": most, **header}).encode() + b"\n" + onnx


class FakeTensorRt:
    """The module.

    Args:
        cuda: what its engines run on.
        version: of TensorRT.
    """

    class ILogger:
        Severity = Severity

        def log(self, severity: Any, message: str) -> None:
            raise NotImplementedError

    def __init__(self, cuda: FakeCuda, version: str = "10.3.0") -> None:
        self.__version__ = version
        self.TensorIOMode = TensorIOMode
        self.cuda = cuda
        self.contexts = 0
        self.loaded = 0
        self.no_context = False
        self.no_runtime = False
        self.says = "it is damaged"
        self.late: list[str] = []

    def Runtime(self, logger: Any) -> _Runtime:
        if self.cuda.thread is None:
            raise MisuseError("the real one would crash here: no device is open")
        if self.no_runtime:
            logger.log(self.ILogger.Severity.ERROR, self.says)
            raise TypeError("pybind11::init(): factory function returned nullptr")
        return _Runtime(self, logger)

    def ends(self, what: str) -> None:
        """Note an object that outlives its device, ends on another thread, or before a graph."""
        if self.cuda.thread != threading.get_ident() or self.cuda.held["graphs"]:
            self.late.append(what)


class _Runtime:
    def __init__(self, module: FakeTensorRt, logger: Any) -> None:
        self._module, self._logger = module, logger

    def __del__(self) -> None:
        self._module.ends("runtime")

    def deserialize_cuda_engine(self, plan: bytes) -> _Engine | None:
        self._module.cuda._check("deserialize")
        self._module.loaded += 1
        head, _, onnx = bytes(plan).removeprefix(MAGIC).partition(b"\n")
        try:
            header = json.loads(head)
            if header.get("crash"):
                os.abort()
            if header.get("refuse"):
                raise ValueError
            session = onnxruntime.InferenceSession(onnx, _options(header))
        except Exception:  # noqa: BLE001 - whatever is wrong, TensorRT returns None
            self._logger.log(self._module.ILogger.Severity.ERROR, self._module.says)
            return None
        return _Engine(self._module, self._logger, session, header)


def _options(header: Mapping[str, Any]) -> Any:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 4
    if not header.get("fused"):
        # Fused 8-bit kernels of ONNX Runtime saturate on AVX2, which no GPU does.
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    return options


class _Engine:
    def __init__(
        self, module: FakeTensorRt, logger: Any, session: Any, header: Mapping[str, Any]
    ) -> None:
        self.module, self.logger, self.session, self.header = module, logger, session, header
        self.inputs = {node.name: node for node in session.get_inputs()}
        self.outputs = {node.name: node for node in session.get_outputs()}
        self.nodes = {**self.inputs, **self.outputs}

    def __del__(self) -> None:
        self.module.ends("engine")

    @property
    def num_io_tensors(self) -> int:
        return len(self.nodes)

    def get_tensor_name(self, index: int) -> str:
        return list(self.nodes)[index]

    def get_tensor_mode(self, name: str) -> str:
        modes = self.module.TensorIOMode
        return modes.INPUT if name in self.inputs else modes.OUTPUT

    def get_tensor_dtype(self, name: str) -> Any:
        kind = _TYPES[self.nodes[name].type]
        narrow = self.header.get("narrow") and kind == "INT64"
        return SimpleNamespace(name="INT32" if narrow else kind)

    def get_tensor_shape(self, name: str) -> tuple[int, ...]:
        return tuple(n if isinstance(n, int) else -1 for n in self.nodes[name].shape)

    def get_tensor_profile_shape(self, name: str, profile: int) -> list[tuple[int, ...]]:
        if profile or -1 not in self.get_tensor_shape(name):
            raise MisuseError("no such profile")
        return [self._sized(name, 1), self._sized(name, 1), self._sized(name, self.header["most"])]

    def create_execution_context(self) -> _Context | None:
        if self.module.no_context:
            self._says("CUDA out of memory")
            return None
        self.module.contexts += 1
        return _Context(self)

    def _says(self, message: str) -> None:
        self.logger.log(self.module.ILogger.Severity.ERROR, message)

    def _sized(self, name: str, most: int) -> tuple[int, ...]:
        letters = {"L": 1 if most == 1 else 64}
        shape = self.nodes[name].shape
        return tuple(n if isinstance(n, int) else letters.get(n, most) for n in shape)


class _Context:
    def __init__(self, engine: _Engine) -> None:
        self._engine = engine
        self._shapes: dict[str, tuple[int, ...]] = {}
        self._addresses: dict[str, int] = {}
        self._version = 0

    def set_input_shape(self, name: str, shape: Sequence[int]) -> bool:
        declared = self._engine.get_tensor_shape(name)
        allowed = len(shape) == len(declared) and all(
            m in (-1, n) for m, n in zip(declared, shape, strict=True)
        )
        if allowed and -1 in declared:
            least, _, most = self._engine.get_tensor_profile_shape(name, 0)
            allowed = all(a <= n <= b for a, n, b in zip(least, shape, most, strict=True))
        if allowed:
            self._version += self._shapes.get(name) != tuple(shape)
            self._shapes[name] = tuple(shape)
        else:
            self._engine._says(f"{name} is out of the profile")
        return allowed

    def get_tensor_shape(self, name: str) -> tuple[int, ...]:
        if name in self._engine.inputs:
            return self._shapes.get(name, self._engine.get_tensor_shape(name))
        letters = {
            letter: size
            for tensor, shape in self._shapes.items()
            for letter, size in zip(self._engine.inputs[tensor].shape, shape, strict=True)
        }
        shape = self._engine.nodes[name].shape
        return tuple(n if isinstance(n, int) else letters.get(n, -1) for n in shape)

    def set_tensor_address(self, name: str, address: int) -> bool:
        if name not in self._engine.nodes or address % 256:
            return False
        self._addresses[name] = address
        return True

    def execute_async_v3(self, stream: int) -> bool:
        engine = self._engine
        if set(self._addresses) != set(engine.nodes) or set(self._shapes) != set(engine.inputs):
            engine._says("an address or a shape is missing")
            return False
        places = {
            name: (self._addresses[name], self.get_tensor_shape(name), self._kind(name))
            for name in engine.nodes
        }
        version = self._version if engine.module.cuda.recording(stream) else None

        def work() -> None:
            # A graph knows the shapes that it was recorded with.
            if version not in (None, self._version):
                raise MisuseError("a graph is launched after the shapes were changed")
            self._run(places)

        engine.module.cuda.enqueue(stream, work)
        return True

    def _kind(self, name: str) -> str:
        return _NUMPY[self._engine.get_tensor_dtype(name).name]

    def _run(self, places: Mapping[str, tuple[int, tuple[int, ...], str]]) -> None:
        cuda, engine = self._engine.module.cuda, self._engine

        def memory(name: str) -> np.ndarray:
            address, shape, kind = places[name]
            size = int(np.prod(shape)) * np.dtype(kind).itemsize
            return cuda.view(address, size).view(kind).reshape(shape)

        feeds = {
            name: memory(name).astype(_NUMPY[_TYPES[node.type]])
            for name, node in engine.inputs.items()
        }
        values = engine.session.run(list(engine.outputs), feeds)
        for name, value in zip(engine.outputs, values, strict=True):
            np.copyto(memory(name), value * np.asarray(engine.header.get("scale", 1), value.dtype))
