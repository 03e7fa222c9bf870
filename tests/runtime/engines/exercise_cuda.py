"""Makes every call of the CUDA protocol through one binding; run where libcuda is the fake one.

usage: python -m tests.runtime.engines.exercise_cuda BINDING JOB
"""

from __future__ import annotations

import ctypes
import json
import sys
from importlib import import_module
from typing import Any

import numpy as np

from runtime.engines.cuda import Cuda, ask_driver
from runtime.errors import GpuError

BINDINGS = {
    "cuda-python": "runtime.engines.cuda.cuda_python:CudaPython",
    "pycuda": "runtime.engines.cuda.pycuda_driver:PyCuda",
}


def binding(name: str) -> Cuda:
    module, _, kind = BINDINGS[name].partition(":")
    made: Cuda = getattr(import_module(module), kind)()
    return made


def held() -> list[int]:
    numbers = (ctypes.c_int * 6)()
    ctypes.CDLL("libcuda.so.1").fake_cuda_held(numbers)
    return list(numbers)


def copies(cuda: Cuda) -> dict[str, Any]:
    """Bytes that went to the device, across it, and back."""
    cuda.open()
    free, total = cuda.memory()
    stream = cuda.create_stream()
    first, second = cuda.alloc(64), cuda.alloc(64)
    there, back = cuda.alloc_pinned(64), cuda.alloc_pinned(64)
    there[:] = np.arange(64, dtype=np.uint8)
    cuda.upload(first, there.view(np.float32).reshape(4, 4), stream)
    cuda.copy(second, first, 64, stream)
    cuda.fill(second + 8, 7, 4, stream)
    cuda.download(back[:32], second, stream)
    cuda.synchronize(stream)
    begin, end = cuda.create_event(), cuda.create_event()
    cuda.record(begin, stream)
    cuda.record(end, stream)
    elapsed = cuda.elapsed_ms(begin, end)
    during = held()
    found = {"back": back.tolist(), "elapsed": elapsed, "used": cuda.memory(), "all": [free, total]}
    for event in (begin, end):
        cuda.destroy_event(event)
    for memory in (first, second):
        cuda.free(memory)
    for array in (there, back):
        cuda.free_pinned(array)
    cuda.destroy_stream(stream)
    cuda.close()
    cuda.close()
    return {**found, "during": during, "after": held(), "name": cuda.name}


def graph(cuda: Cuda) -> dict[str, Any]:
    """A captured copy runs at each launch, not when it is captured."""
    cuda.open()
    stream, memory = cuda.create_stream(), cuda.alloc(4)
    there, back = cuda.alloc_pinned(4), cuda.alloc_pinned(4)
    back[:] = 0
    cuda.begin_capture(stream)
    cuda.upload(memory, there, stream)
    cuda.download(back, memory, stream)
    recorded = cuda.end_capture(stream)
    seen = []
    for value in (5, 6):
        there[:] = value
        seen.append(back.tolist())
        cuda.launch(recorded, stream)
        cuda.synchronize(stream)
    seen.append(back.tolist())
    cuda.destroy_graph(recorded)
    cuda.free(memory)
    cuda.free_pinned(there)
    cuda.free_pinned(back)
    cuda.destroy_stream(stream)
    cuda.close()
    return {"seen": seen, "after": held()}


def failing(cuda: Cuda) -> dict[str, Any]:
    """What goes wrong under the environment's faults."""
    try:
        ask_driver()
        cuda.open()
        cuda.alloc(1 << 20)
        stream = cuda.create_stream()
        cuda.copy(12345, 12345, 8, stream)
    except GpuError as error:
        return {"reason": error.reason, "why": error.why, "fix": error.fix}
    finally:
        cuda.close()
    return {"reason": None}


JOBS = {"copies": copies, "graph": graph, "failing": failing}

if __name__ == "__main__":
    print(json.dumps(JOBS[sys.argv[2]](binding(sys.argv[1]))))  # noqa: T201
