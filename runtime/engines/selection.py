"""Which engines run a bundle, and why it is not others.

Every question that can be asked without loading anything is asked first, in the order in which one
answer makes the next question possible: graphs, earlier crashes, driver, TensorRT, files. A driver
that cannot be used makes TensorRT crash, a plan that does not fit may do the same.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from runtime.bundle.reader import Bundle
from runtime.engines.crash_guard import CRASHES, CrashGuard
from runtime.engines.cuda import Cuda, Gpu, ask_driver, installed_cuda
from runtime.engines.device import Device
from runtime.engines.engine_files import EngineFile, find_engines
from runtime.engines.engine_set import EngineSet
from runtime.engines.engine_store import fingerprint_here
from runtime.engines.native import Kernels, find_kernels
from runtime.engines.opening import specs
from runtime.engines.self_test import check_engines
from runtime.engines.settings import Fallback
from runtime.engines.tensorrt_engine import TensorRtEngine
from runtime.engines.tensorrt_runtime import TensorRtRuntime, load_tensorrt
from runtime.errors import GpuError, GpuReason
from runtime.home import engines_folder, state_folder

Outcome = Literal["tensorrt", "rebuilt", "fallback", "refused"]


@dataclass(frozen=True)
class Selection:
    """What runs the network.

    Attributes:
        outcome: ``tensorrt``; ``rebuilt``, the same with engines that this process had built;
            ``fallback``, ONNX Runtime in its place; ``refused``, nothing, as that is forbidden.
        reason: why not TensorRT; None where it is.
        detail: the same in a sentence, or the device that is used.
        fix: what to do about it; None where there is nothing to do.
        warnings: what works and is still worth a look.
    """

    outcome: Outcome
    reason: GpuReason | None = None
    detail: str = ""
    fix: str | None = None
    warnings: tuple[str, ...] = ()

    @property
    def label(self) -> str:
        """``tensorrt``, ``rebuilt``, ``fallback:no-driver``, ``refused:gpu``."""
        return self.outcome if self.reason is None else f"{self.outcome}:{self.reason}"

    @property
    def sentence(self) -> str:
        """Label, detail and warnings in one line."""
        return f"{self.label}: {'; '.join((self.detail, *self.warnings))}"

    def as_dict(self) -> dict[str, Any]:
        """JSON-ready fields."""
        return {"label": self.label, **asdict(self), "warnings": list(self.warnings)}


@dataclass(frozen=True)
class Machine:
    """What is asked of a machine; a test has another one.

    Attributes:
        ask_driver: what the driver says of the device.
        cuda: the binding of CUDA, not open.
        load_tensorrt: the module.
        kernels: the native library, or None.
        engines: the folder of all engines.
        state: the folder of what outlives a process.
    """

    ask_driver: Callable[[], Gpu] = ask_driver
    cuda: Callable[[], Cuda] = installed_cuda
    load_tensorrt: Callable[[], Any] = load_tensorrt
    kernels: Callable[[], Kernels | None] = find_kernels
    engines: Callable[[], Path] = engines_folder
    state: Callable[[], Path] = state_folder


HERE = Machine()
"""This machine."""


@dataclass(frozen=True)
class Choice:
    """The outcome of a selection.

    Attributes:
        selection: what was chosen and why.
        engine_set: TensorRT engines, open; None where ONNX Runtime takes their place.
    """

    selection: Selection
    engine_set: EngineSet | None = None


def choose_engines(
    bundle: Bundle, fallback: Fallback = "allow", machine: Machine = HERE, *, rebuilt: bool = False
) -> Choice:
    """Open the TensorRT engines of a bundle, or say why not.

    Args:
        bundle: verified.
        fallback: whether ONNX Runtime may take their place.
        machine: on which.
        rebuilt: they were built by this process just now.

    Raises:
        GpuError: they cannot be used and nothing may take their place.
    """
    try:
        return _open(bundle, machine, "rebuilt" if rebuilt else "tensorrt")
    except GpuError as error:
        if fallback == "forbid":
            raise refusal(error) from error
        said = f"{error.what}: {error.why}"
        return Choice(Selection("fallback", error.reason, said, error.fix))


def refusal(error: GpuError) -> GpuError:
    """The error where nothing may take the place of TensorRT."""
    return GpuError(
        f"refused:{error.reason}: TensorRT does not run this bundle, and nothing else may",
        reason=error.reason,
        why=f"{error.what}: {error.why}",
        fix=f"{error.fix}; or allow the processor: --fallback allow",
    )


def crash_guard(bundle: Bundle, machine: Machine = HERE) -> CrashGuard:
    """The starts of a bundle's engines on this device."""
    return CrashGuard(machine.state() / "starts" / bundle.digest)


def _open(bundle: Bundle, machine: Machine, outcome: Outcome) -> Choice:
    _require_graphs(bundle)
    guard = crash_guard(bundle, machine)
    _require_no_crash_loop(guard)
    gpu = machine.ask_driver()
    cuda = machine.cuda()
    warnings = []
    # From here on code runs that may crash: the driver's, TensorRT's, that in the plans.
    if not guard.begin():
        warnings.append("crashes cannot be counted: the folder for that cannot be written")
    with ExitStack() as opened:
        # What fails with a clear error is told and is no crash.
        opened.callback(guard.close)
        runtime = TensorRtRuntime(machine.load_tensorrt())
        here = fingerprint_here(gpu, runtime.version)
        files = find_engines(bundle, machine.engines(), here)
        warnings += sorted({f"built with {text}" for f in files.values() for text in f.changed})
        device = opened.enter_context(Device(cuda, gpu.ordinal, guard.settle))
        opened.callback(device.call, runtime.close)
        engines = {
            name: opened.enter_context(_engine(bundle, name, file, device, runtime))
            for name, file in files.items()
        }
        tested = check_engines(bundle, engines)
        if warnings and not tested:
            warnings.append("the bundle has no self-test, so that the engines were only loaded")
        opened.pop_all()
    engine_set = EngineSet(device, runtime, engines, machine.kernels(), guard)
    if engine_set.unchained:
        warnings.append(f"steps leave the GPU between engines: {engine_set.unchained}")
    where = f"{gpu.name} (device {gpu.ordinal} of {gpu.devices}), TensorRT {runtime.version}"
    selection = Selection(outcome, None, f"{where}, {cuda.name}", None, tuple(warnings))
    return Choice(selection, engine_set)


def _engine(
    bundle: Bundle, name: str, file: EngineFile, device: Device, runtime: TensorRtRuntime
) -> TensorRtEngine:
    part = bundle.manifest.tensorrt[name]
    return TensorRtEngine(
        name,
        file.plan,
        specs(part.inputs),
        specs(part.outputs),
        device,
        runtime,
        sha256=file.record.plan_sha256,
    )


def _require_graphs(bundle: Bundle) -> None:
    if not bundle.manifest.tensorrt:
        raise GpuError(
            "this bundle is for the processor",
            reason="no-graphs",
            why="it has no graphs that TensorRT engines are built from",
            fix="install a bundle that was made for TensorRT",
        )


def _require_no_crash_loop(guard: CrashGuard) -> None:
    crashes = guard.crashes()
    if crashes >= CRASHES:
        raise GpuError(
            "the TensorRT engines are left alone",
            reason="crash-loop",
            why=f"the last {crashes} starts with them crashed, as noted in {guard.folder}",
            fix=f"remove {guard.folder}, as `sgmn doctor --clear-crashes` does, and start it again",
        )
