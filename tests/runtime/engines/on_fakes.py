"""A bundle's five engines on a GPU, a TensorRT and kernels that are fakes."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

from runtime.bundle.manifest import Submodule
from runtime.bundle.reader import Bundle, open_bundle
from runtime.engines.device import Device
from runtime.engines.engine import TensorSpec
from runtime.engines.engine_set import EngineSet
from runtime.engines.native import Kernels
from runtime.engines.selection import Choice, Selection
from runtime.engines.tensorrt_engine import TensorRtEngine
from runtime.engines.tensorrt_runtime import TensorRtRuntime
from runtime.network import Network
from tests.runtime.engines.fake_cuda import FakeCuda
from tests.runtime.engines.fake_kernels import FakeKernels
from tests.runtime.engines.fake_tensorrt import FakeTensorRt, make_plan


def specs(part: Submodule) -> tuple[tuple[TensorSpec, ...], tuple[TensorSpec, ...]]:
    inputs, outputs = (
        tuple(TensorSpec(t.name, t.dtype, t.shape) for t in side)
        for side in (part.inputs, part.outputs)
    )
    return inputs, outputs


def write_plans(bundle: Bundle, folder: Path) -> dict[str, Path]:
    """Plans of the graphs that the processor runs."""
    plans = {}
    for name, part in bundle.manifest.submodules.items():
        plans[name] = folder / f"{name}.plan"
        plans[name].write_bytes(make_plan((bundle.folder / part.file).read_bytes(), fused=True))
    return plans


def open_engines(
    bundle: Bundle,
    plans: dict[str, Path],
    cuda: FakeCuda,
    make_kernels: Callable[[FakeCuda], Kernels | None] = FakeKernels,
    trt: FakeTensorRt | None = None,
) -> EngineSet:
    trt = trt or FakeTensorRt(cuda)
    with ExitStack() as opened:
        device = opened.enter_context(Device(cuda))
        runtime = TensorRtRuntime(trt)
        engines = {
            name: opened.enter_context(
                TensorRtEngine(name, plans[name], *specs(part), device, runtime)
            )
            for name, part in bundle.manifest.submodules.items()
        }
        opened.pop_all()
    return EngineSet(device, runtime, engines, make_kernels(cuda))


def open_network(
    folder: Path, plans: dict[str, Path], cuda: FakeCuda, **options: object
) -> Network:
    """The bundle as the runtime would have it on a GPU."""
    bundle = open_bundle(folder)
    engine_set = open_engines(bundle, plans, cuda, **options)  # type: ignore[arg-type]
    return Network.of(bundle, choice=Choice(Selection("tensorrt"), engine_set))
