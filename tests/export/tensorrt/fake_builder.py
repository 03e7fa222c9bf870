"""TensorRT with its builder: what `sgmn build` uses of it, for releases 8.6, 10 and 11.

Graphs are read with the onnx package, or, where that is hidden, from descriptions made before;
plans are those of `tests.runtime.engines.fake_tensorrt`. Classes carry the names of the real ones,
and `tests/export/tensorrt/test_api_surface.py` holds every use of them against the real bindings.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import IntEnum
from pathlib import Path
from typing import Any

from tests.export.tensorrt.fake_network import KINDS, OTHER, INetworkDefinition, describe, fill
from tests.runtime.engines.fake_cuda import FakeCuda
from tests.runtime.engines.fake_tensorrt import FakeTensorRt, _Engine, make_plan

TOLD = {"FLOAT": "Float", "HALF": "Half", "INT8": "Int8", "UINT8": "UInt8", "INT64": "Int64"}


@dataclass
class Faults:
    """What goes wrong, by name; JSON-ready, for a worker in another process."""

    parse: bool = False
    build: str = ""  # what TensorRT says when it builds nothing
    precision: str = ""  # "fp32": products compute in it, whatever was asked
    scale: float = 1.0  # all outputs are multiplied
    opaque: bool = False  # Myelin hides all layers
    inspector: str = ""  # "broken": JSON with a stray quote; "mute": layer names alone
    builder: bool = False  # the factory returns None
    crash: str = ""  # name of the call in which the process dies
    wait: str = ""  # file whose absence ends a wait in the build
    cache: bool = True  # whether timing caches are taken


@dataclass
class ParserError:
    told: str = "no importer for this operator"

    def desc(self) -> str:
        return self.told

    def node(self) -> int:
        return 7

    def node_name(self) -> str:
        return "/trunk/odd"

    def node_operator(self) -> str:
        return "Odd"


class OnnxParser:
    def __init__(self, module: FakeBuilding, network: INetworkDefinition) -> None:
        self._module, self._network = module, network
        self._errors: list[ParserError] = []

    @property
    def num_errors(self) -> int:
        return len(self._errors)

    def get_error(self, index: int) -> ParserError:
        return self._errors[index]

    def parse(self, model: bytes) -> bool:
        self._module.called("parse")
        described = self._module.describe(model)
        if self._module.faults.parse or not isinstance(described, dict):
            self._errors.append(ParserError())
            return False
        self._network.onnx = model
        fill(self._network, described, self._module.enums)
        if _makes_uint8(self._network):
            self._errors.append(ParserError("UINT8 is for inputs and outputs of the network alone"))
            return False
        return True


@dataclass
class IOptimizationProfile:
    shapes: dict[str, tuple[Any, ...]] = field(default_factory=dict)

    def set_shape(self, input: str, min: Any, opt: Any, max: Any) -> None:
        assert all(a <= b <= c for a, b, c in zip(min, opt, max, strict=True))
        self.shapes[input] = (tuple(min), tuple(opt), tuple(max))


class IHostMemory(bytes):
    pass


class ITimingCache:
    MAGIC = b"fake timings\n"

    def __init__(self, entries: set[bytes]) -> None:
        self.entries = entries

    def combine(self, input_cache: ITimingCache, ignore_mismatch: bool) -> bool:
        assert not ignore_mismatch
        self.entries |= input_cache.entries
        return True

    def serialize(self) -> IHostMemory:
        return IHostMemory(self.MAGIC + b"\n".join(sorted(self.entries)))


class IBuilderConfig:
    def __init__(self, module: FakeBuilding) -> None:
        self.module = module
        self.on: set[str] = {"TF32"}
        self.pools: dict[str, int] = {}
        self.tactics: int | None = None
        self.profiles: list[IOptimizationProfile] = []
        self.profiling_verbosity: Any = None
        self.progress_monitor: Any = None
        self.cache: ITimingCache | None = None

    def set_flag(self, flag: Any) -> None:
        self.on.add(flag.name)

    def clear_flag(self, flag: Any) -> None:
        self.on.discard(flag.name)

    def set_tactic_sources(self, tactic_sources: int) -> bool:
        self.tactics = tactic_sources
        return True

    def set_memory_pool_limit(self, pool: Any, pool_size: int) -> None:
        self.pools[pool.name] = pool_size

    def add_optimization_profile(self, profile: IOptimizationProfile) -> int:
        self.profiles.append(profile)
        return len(self.profiles) - 1

    def create_timing_cache(self, serialized_timing_cache: bytes) -> ITimingCache | None:
        data = bytes(serialized_timing_cache)
        if data and not data.startswith(ITimingCache.MAGIC):
            return None
        return ITimingCache(set(data.removeprefix(ITimingCache.MAGIC).split(b"\n")) - {b""})

    def set_timing_cache(self, cache: ITimingCache, ignore_mismatch: bool) -> bool:
        assert not ignore_mismatch
        if cache.entries and not self.module.faults.cache:
            return False
        self.cache = cache
        return True

    def get_timing_cache(self) -> ITimingCache | None:
        return self.cache


class Builder:
    def __init__(self, module: FakeBuilding, logger: Any) -> None:
        self._module, self._logger = module, logger

    def create_network(self, flags: int = 0) -> INetworkDefinition:
        self._module.network = INetworkDefinition(self._module, flags)
        return self._module.network

    def create_builder_config(self) -> IBuilderConfig:
        self._module.config = IBuilderConfig(self._module)
        return self._module.config

    def create_optimization_profile(self) -> IOptimizationProfile:
        return IOptimizationProfile()

    def build_serialized_network(
        self, network: INetworkDefinition, config: IBuilderConfig
    ) -> IHostMemory | None:
        module = self._module
        module.called("build_serialized_network")
        _wait(module.faults.wait)
        severity = module.ILogger.Severity
        if config.progress_monitor is not None:
            _progress(config.progress_monitor)
        if module.faults.build:
            self._logger.log(severity.ERROR, module.faults.build)
            return None
        if not config.profiles and any(-1 in tensor.shape for tensor in network.inputs):
            self._logger.log(severity.ERROR, "network has dynamic inputs, but no profile")
            return None
        assert config.cache is not None
        config.cache.entries.add(hashlib.sha256(network.onnx).hexdigest().encode())
        said = "Peak memory usage of TRT CPU/GPU memory allocators: CPU 3 MiB, GPU 40 MiB"
        self._logger.log(severity.INFO, f"[MemUsageStats] {said}")
        most = max((p[2][0] for c in config.profiles for p in c.shapes.values()), default=1)
        layers = _layers(network, module.faults)
        plan = make_plan(
            network.onnx,
            most=most,
            layers=layers,
            narrow=module.narrow,
            unfused=True,
            scale=module.faults.scale,
        )
        return IHostMemory(plan)


class EngineInspector:
    def __init__(self, engine: Any, faults: Faults) -> None:
        self._layers, self._faults = engine.header["layers"], faults

    def get_engine_information(self, format: Any) -> str:
        assert format.name == "JSON"
        if self._faults.inspector == "mute":
            return json.dumps({"Layers": [layer["Name"] for layer in self._layers]})
        if self._faults.inspector == "broken":
            return '{"Layers": [{"Metadata": "a " quote"}]}'
        told = json.dumps({"Layers": self._layers, "Bindings": []})
        return told.replace("\\u001e", "\x1e")  # TensorRT's own JSON is not that strict

    def get_layer_information(self, layer_index: int, format: Any) -> str:
        if layer_index == 0:
            return '{"Metadata": "a " quote"}'
        return json.dumps(self._layers[layer_index])


class ICudaEngine(_Engine):
    @property
    def num_layers(self) -> int:
        return len(self.header["layers"])

    def create_engine_inspector(self) -> EngineInspector:
        return EngineInspector(self, self.module.faults)  # type: ignore[attr-defined]


class Runtime:
    def __init__(self, module: FakeBuilding, logger: Any) -> None:
        self._module = module
        self._inner = FakeTensorRt.Runtime(module, logger)

    def deserialize_cuda_engine(self, serialized_engine: bytes) -> ICudaEngine | None:
        self._module.called("deserialize_cuda_engine")
        engine = self._inner.deserialize_cuda_engine(serialized_engine)
        if engine is None:
            return None
        return ICudaEngine(engine.module, engine.logger, engine.session, engine.header)


class IProgressMonitor:
    """Release 8.6 has none."""


class FakeBuilding(FakeTensorRt):
    """The module.

    Args:
        cuda: what its engines run on; open when it is used.
        version: of TensorRT, 8.6 to 11.
        faults: what goes wrong.
        networks: folder of descriptions by digest of the graph; else the onnx package reads it.
    """

    def __init__(
        self,
        cuda: FakeCuda,
        version: str,
        faults: Faults | None = None,
        networks: Path | None = None,
    ) -> None:
        super().__init__(cuda, version)
        self.faults = faults or Faults()
        self.networks = networks
        self.narrow = version.startswith("8.")
        self.network: INetworkDefinition | None = None
        self.config: IBuilderConfig | None = None
        for name, members in _enums(version).items():
            setattr(self, name, IntEnum(name, members, start=0))
        self.enums: Any = self
        if not self.narrow:
            self.IProgressMonitor = IProgressMonitor

    def Builder(self, logger: Any) -> Builder:
        self.called("Builder")
        if self.faults.builder:
            raise TypeError("pybind11::init(): factory function returned nullptr")
        return Builder(self, logger)

    def OnnxParser(self, network: INetworkDefinition, logger: Any) -> OnnxParser:
        return OnnxParser(self, network)

    def Runtime(self, logger: Any) -> Runtime:  # type: ignore[override]
        return Runtime(self, logger)

    def describe(self, onnx: bytes) -> dict[str, Any]:
        if self.networks is None:
            return describe(onnx)
        text = (self.networks / f"{hashlib.sha256(onnx).hexdigest()}.json").read_text()
        found: dict[str, Any] = json.loads(text)
        return found

    def called(self, name: str) -> None:
        self.cuda._check(name)
        if self.faults.crash == name:
            os.kill(os.getpid(), 11)


def _makes_uint8(network: INetworkDefinition) -> bool:
    """Whether a layer makes a tensor that the parsers of all releases refuse within a network."""
    outputs = {tensor.name for tensor in network.outputs}
    made = [tensor for layer in network.layers for tensor in layer.outputs]
    return any(t.dtype.name == "UINT8" and t.name not in outputs for t in made)


def _layers(network: INetworkDefinition, faults: Faults) -> list[dict[str, Any]]:
    """As the inspector tells them: Q/DQ pairs are gone into the layers around them."""
    if faults.opaque:
        return [{"Name": "{ForeignNode[a...z]}", "LayerType": "Myelin", "Inputs": []}]
    return list(_told(network, faults))


def _told(network: INetworkDefinition, faults: Faults) -> Iterator[dict[str, Any]]:
    pairs = {layer.outputs[0].name for layer in network.layers if layer.type.name == "DEQUANTIZE"}
    yield {"Name": "reformat", "LayerType": "Reformat", "Inputs": [_tensor("x", "Int8")]}
    for layer in network.layers:
        if layer.type.name in ("CONSTANT", "QUANTIZE", "DEQUANTIZE"):
            continue
        product = layer.type.name in ("CONVOLUTION", "MATRIX_MULTIPLY")
        kinds = [
            "Int8" if t.name in pairs else TOLD.get(t.dtype.name, "Int32") for t in layer.inputs
        ]
        if product and faults.precision:
            kinds = ["Row major linear FP32"]
        yield {
            "Name": f"w + {layer.name}/Q + {layer.name} + {layer.name}/after",
            "LayerType": "CaskConvolution" if product else "PointWiseV2",
            "Inputs": [_tensor("in", kind) for kind in kinds],
            "Outputs": [],
            "Metadata": f"[ONNX Layer: {layer.name}]\x1e[ONNX Layer: {layer.name}/after]",
        }


def _tensor(name: str, kind: str) -> dict[str, Any]:
    return {"Name": name, "Location": "Device", "Dimensions": [1], "Format/Datatype": kind}


def _progress(monitor: Any) -> None:
    monitor.phase_start("Building Engine", None, 3)
    monitor.phase_start("Tactic Selection", "Building Engine", 2)
    for step in range(2):
        assert monitor.step_complete("Tactic Selection", step)
    monitor.phase_finish("Tactic Selection")
    assert monitor.step_complete("Building Engine", 0)
    monitor.phase_finish("Building Engine")


def _wait(file: str) -> None:
    """Until a file is gone, so that a test can look at a build in its midst."""
    import time

    while file and Path(file).exists():
        time.sleep(0.02)


def _enums(version: str) -> dict[str, list[str]]:
    old, new = version.startswith("8."), version.startswith("11.")
    flags = ["TF32", "REFIT"]
    flags += [] if new else ["FP16", "INT8", "OBEY_PRECISION_CONSTRAINTS"]
    return {
        "BuilderFlag": flags,
        "NetworkDefinitionCreationFlag": ["EXPLICIT_BATCH"] if old else ["OTHER", "STRONGLY_TYPED"],
        "MemoryPoolType": ["WORKSPACE"],
        "TacticSource": ["CUBLAS", "CUBLAS_LT", "CUDNN"] * (not new)
        + ["EDGE_MASK_CONVOLUTIONS", "JIT_CONVOLUTIONS"],
        "ProfilingVerbosity": ["LAYER_NAMES_ONLY", "DETAILED"],
        "LayerInformationFormat": ["ONELINE", "JSON"],
        "DataType": ["FLOAT", "HALF", "INT8", "INT32", "BOOL", "UINT8"]
        + ([] if old else ["INT64"]),
        "LayerType": sorted({*KINDS.values(), OTHER, "POOLING", "SCALE"}),
    }
