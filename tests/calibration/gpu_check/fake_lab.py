"""A lab whose GPU and TensorRT are made up, and sections for tests of the runner."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from calibration.gpu_check.job import Job
from calibration.gpu_check.lab import Lab, Tell
from export.tensorrt import bundle_builder, memory, worker
from export.tensorrt.child import Child, _error
from export.tensorrt.job import Failure
from export.tensorrt.worker import Worker, answer
from runtime.engines.cuda import Gpu
from runtime.engines.selection import Machine
from runtime.errors import EngineError, GpuError
from tests.export.tensorrt.fake_builder import FakeBuilding, Faults
from tests.runtime.engines.fake_cuda import FakeCuda
from tests.runtime.engines.fake_kernels import FakeKernels

COMMAND = ("-m", "tests.calibration.gpu_check.fake_child")
GPU = Gpu("Fake GPU", "8.7", "12.6", 0, 1)


@dataclass
class FakeGpu:
    """Gives a new device and module every time, as every process and every section has its own."""

    version: str = "10.3.0"
    faults: dict[str, Any] = field(default_factory=dict)
    capacity: int = 192 << 20
    kernels: bool = True
    missing: str = ""  # reason for which TensorRT cannot be loaded
    networks: str = ""  # folder of described graphs, where the onnx package is hidden
    devices: list[FakeCuda] = field(default_factory=list)

    def cuda(self) -> FakeCuda:
        self.devices.append(FakeCuda(self.capacity))
        return self.devices[-1]

    def module(self) -> FakeBuilding:
        if self.missing:
            raise GpuError("TensorRT is gone", reason=self.missing, why="so", fix="so")  # type: ignore[arg-type]
        faults, networks = Faults(**self.faults), Path(self.networks) if self.networks else None
        return FakeBuilding(self.devices[-1], self.version, faults, networks)

    def machine(self) -> Machine:
        return Machine(
            ask_driver=lambda: GPU,
            cuda=self.cuda,
            load_tensorrt=self.module,
            kernels=lambda: Following(self) if self.kernels else None,
        )

    def child(self) -> Child:
        return InProcess(self)

    def lab(self, job: Job, limit_s: float = 60.0) -> Lab:
        return Lab(job, self.machine(), self.child, limit_s)


class Following:
    """Kernels on the device that was made last."""

    def __init__(self, gpu: FakeGpu) -> None:
        self._gpu = gpu

    def __getattr__(self, name: str) -> Any:
        return getattr(FakeKernels(self._gpu.devices[-1]), name)


class InProcess(Child):
    """Does the work of `sgmn build` in this process."""

    def __init__(self, gpu: FakeGpu) -> None:
        super().__init__()
        self._gpu = gpu

    def do(self, kind: str, job: Any, watch: Any) -> dict[str, Any]:
        events: list[dict[str, Any]] = []
        request = {"kind": kind, "job": job.model_dump(mode="json")}
        answer(Worker(events.append, self._gpu.cuda, self._gpu.module), request, events.append)
        if "failure" in events[-1]:
            raise _error(Failure(**events[-1]["failure"]))
        result: dict[str, Any] = events[-1]["result"]
        return result


# Sections of tests.


def good(lab: Lab, tell: Tell, value: int = 7) -> None:
    tell(value=value, limit_s=lab.limit_s)


def wrong(lab: Lab, tell: Tell) -> None:
    tell(before="this")
    raise EngineError("it went wrong", why="a test said so", fix="nothing")


def faulty(lab: Lab, tell: Tell) -> None:
    raise ZeroDivisionError("of a programmer")


def aborting(lab: Lab, tell: Tell) -> None:
    tell(before="the crash")
    os.abort()


def leaving(lab: Lab, tell: Tell) -> None:
    os._exit(3)


def sleeping(lab: Lab, tell: Tell, orphan: str) -> None:
    """Starts a process of its own, as a build does, and never ends."""
    import subprocess

    process = subprocess.Popen(["sleep", "600"])
    tell(pid=process.pid, orphan=orphan)
    time.sleep(600)


def make_up_driver(replace: Callable[[Any, str, Any], None]) -> None:
    """Let a build find a driver, and the little memory that is really taken here enough.

    Args:
        replace: as ``setattr``.
    """
    for module in (bundle_builder, worker):
        replace(module, "ask_driver", lambda ordinal: GPU)
    replace(bundle_builder.machine, "memory_bytes", lambda: (8 << 30, 6 << 30))
    replace(memory, "DEVICE_RESERVE", 0)
