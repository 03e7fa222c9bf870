"""A child process that loads TensorRT, does one job and ends.

Run as ``python -m export.tensorrt.worker``: the job comes as JSON on stdin, events go to stdout,
one JSON object a line. What libraries print goes to stderr.
"""

from __future__ import annotations

import ctypes
import json
import os
import signal
import sys
import time
from collections.abc import Callable
from dataclasses import asdict
from typing import Any, NoReturn, TextIO

import numpy as np

from export.tensorrt.adapters.adapter import Report
from export.tensorrt.adapters.choice import adapter_for
from export.tensorrt.job import (
    BuildJob,
    Built,
    Failure,
    Probed,
    ProbeJob,
    Progress,
    Ran,
    RunJob,
)
from export.tensorrt.plan_builder import PlanBuilder
from runtime.engines.cuda import Cuda, ask_driver, installed_cuda
from runtime.engines.device import Device
from runtime.engines.opening import specs
from runtime.engines.tensorrt_engine import TensorRtEngine
from runtime.engines.tensorrt_runtime import TensorRtRuntime, load_tensorrt
from runtime.errors import GpuError, SgmnError, StorageError

Emit = Callable[[dict[str, Any]], None]

REPORT_EVERY_S = 0.5
_PR_SET_PDEATHSIG = 1


class Worker:
    """Does jobs on one GPU.

    Args:
        emit: takes events.
        cuda: the binding; not open.
        load: gives the ``tensorrt`` module; called once a device is open.
    """

    def __init__(
        self,
        emit: Emit,
        cuda: Callable[[], Cuda] = installed_cuda,
        load: Callable[[], Any] = load_tensorrt,
    ) -> None:
        self._emit = emit
        self._cuda = cuda
        self._load = load

    def do(self, kind: str, fields: dict[str, Any]) -> Probed | Built | Ran:
        """Do one job.

        Raises:
            SgmnError: it fails.
            OSError: a file cannot be read or written.
        """
        if kind == "probe":
            return self._probe(ProbeJob.model_validate(fields))
        if kind == "build":
            return self._build(BuildJob.model_validate(fields))
        return self._run(RunJob.model_validate(fields))

    def _probe(self, job: ProbeJob) -> Probed:
        with Device(self._cuda(), job.device) as device:
            free, total = device.call(device.cuda.memory)
            version = str(device.call(self._load).__version__)
        return Probed(tensorrt=version, free_bytes=free, total_bytes=total)

    def _build(self, job: BuildJob) -> Built:
        with Device(self._cuda(), job.device) as device:
            trt = device.call(self._load)
            adapter = adapter_for(str(trt.__version__))
            return device.call(lambda: PlanBuilder(trt, adapter, job, self._report()).build())

    def _run(self, job: RunJob) -> Ran:
        with Device(self._cuda(), job.device) as device:
            runtime = TensorRtRuntime(device.call(self._load))
            engine = TensorRtEngine(
                job.submodule, job.plan, specs(job.inputs), specs(job.outputs), device, runtime
            )
            try:
                with engine, np.load(job.feeds, allow_pickle=False) as feeds:
                    found: dict[str, Any] = {
                        f"{case}/{name}": values
                        for case in job.cases
                        for name, values in engine.run(
                            {t.name: feeds[f"{case}/{t.name}"] for t in job.inputs}
                        ).items()
                    }
                    provider = engine.provider
            finally:
                device.call(runtime.close)
        np.savez(job.out, **found)
        return Ran(provider=provider)

    def _report(self) -> Report:
        latest = 0.0

        def report(phase: str, done: int, of: int) -> None:
            nonlocal latest
            now = time.monotonic()
            if now - latest >= REPORT_EVERY_S:
                latest = now
                self._emit({"progress": asdict(Progress(phase, done, of))})

        return report


def answer(worker: Worker, request: dict[str, Any], emit: Emit) -> None:
    """Do a job; the last event is its result or its failure.

    The failure is told while the error still holds the objects of TensorRT that it passed: their
    end, after that of the device, may end the process.
    """
    try:
        # Asked here as well, whoever started this: without a driver TensorRT crashes.
        ask_driver(int(request["job"].get("device", 0)))
        result = worker.do(request["kind"], request["job"])
        emit({"result": result.model_dump(mode="json")})
    except SgmnError as error:
        reason = error.reason if isinstance(error, GpuError) else ""
        emit({"failure": asdict(Failure(error.code, error.what, error.why, error.fix, reason))})
    except OSError as error:
        told = os.strerror(error.errno) if error.errno else str(error)
        what = f"cannot write or read {error.filename or 'the engine'}"
        failure = Failure(StorageError.code, what, told, "free some space and run it again")
        emit({"failure": asdict(failure)})


def _own_stdout() -> TextIO:
    """The stream for events; from here on whatever else is printed goes to stderr."""
    events = os.fdopen(os.dup(sys.stdout.fileno()), "w", encoding="utf-8")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    return events


def main(make: Callable[[Emit], Worker] = Worker) -> NoReturn:
    """Do the job that stands on stdin and end the process."""
    events = _own_stdout()

    def emit(event: dict[str, Any]) -> None:
        events.write(json.dumps(event) + "\n")
        events.flush()

    # Nobody would take what is built when the parent is gone.
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    answer(make(emit), json.load(sys.stdin), emit)
    # Without destructors, whose order across TensorRT, CUDA and Python is nobody's promise.
    os._exit(0)


if __name__ == "__main__":
    main()
