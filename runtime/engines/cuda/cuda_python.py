"""CUDA through NVIDIA's cuda-python, releases 12 and 13."""

from __future__ import annotations

import ctypes
from importlib import import_module
from typing import Any

import numpy as np

from runtime import machine
from runtime.engines.cuda.cuda import Array, Bytes
from runtime.engines.cuda.failure import cuda_failure, no_driver

_MODULES = ("cuda.bindings.driver", "cuda.cuda")
"""Since release 12.6, and before it."""


class CudaPython:
    """See `Cuda`."""

    def __init__(self) -> None:
        self._driver: Any = None
        self._device: Any = None
        self._pinned: dict[int, Bytes] = {}

    @property
    def name(self) -> str:
        """The binding and its version."""
        return f"cuda-python {machine.package_version('cuda-python', 'cuda-bindings') or '?'}"

    @property
    def captures(self) -> bool:
        """Streams can be captured."""
        return True

    def open(self, ordinal: int = 0) -> None:
        """See `Cuda.open`."""
        self._driver = _bindings()
        self._call("cuInit", 0)
        device = self._call("cuDeviceGet", ordinal)
        context = self._call("cuDevicePrimaryCtxRetain", device)
        self._device = device
        self._call("cuCtxSetCurrent", context)

    def memory(self) -> tuple[int, int]:
        """See `Cuda.memory`."""
        free, total = self._call("cuMemGetInfo")
        return int(free), int(total)

    def alloc(self, size: int) -> int:
        """See `Cuda.alloc`."""
        return int(self._call("cuMemAlloc", size))

    def free(self, pointer: int) -> None:
        """See `Cuda.free`."""
        self._call("cuMemFree", pointer)

    def alloc_pinned(self, size: int) -> Bytes:
        """See `Cuda.alloc_pinned`."""
        address = int(self._call("cuMemHostAlloc", size, 0))
        array = np.ctypeslib.as_array((ctypes.c_uint8 * size).from_address(address))
        self._pinned[address] = array
        return array

    def free_pinned(self, array: Bytes) -> None:
        """See `Cuda.free_pinned`."""
        address = array.ctypes.data
        del self._pinned[address]
        self._call("cuMemFreeHost", address)

    def upload(self, target: int, source: Array, stream: int) -> None:
        """See `Cuda.upload`."""
        self._call("cuMemcpyHtoDAsync", target, source.ctypes.data, source.nbytes, stream)

    def download(self, target: Array, source: int, stream: int) -> None:
        """See `Cuda.download`."""
        self._call("cuMemcpyDtoHAsync", target.ctypes.data, source, target.nbytes, stream)

    def copy(self, target: int, source: int, size: int, stream: int) -> None:
        """See `Cuda.copy`."""
        self._call("cuMemcpyDtoDAsync", target, source, size, stream)

    def fill(self, target: int, value: int, size: int, stream: int) -> None:
        """See `Cuda.fill`."""
        self._call("cuMemsetD8Async", target, value, size, stream)

    def create_stream(self) -> int:
        """See `Cuda.create_stream`."""
        flags = self._driver.CUstream_flags.CU_STREAM_NON_BLOCKING
        return int(self._call("cuStreamCreate", flags.value))

    def destroy_stream(self, stream: int) -> None:
        """See `Cuda.destroy_stream`."""
        self._call("cuStreamDestroy", stream)

    def synchronize(self, stream: int) -> None:
        """See `Cuda.synchronize`."""
        self._call("cuStreamSynchronize", stream)

    def create_event(self) -> int:
        """See `Cuda.create_event`."""
        return int(self._call("cuEventCreate", 0))

    def destroy_event(self, event: int) -> None:
        """See `Cuda.destroy_event`."""
        self._call("cuEventDestroy", event)

    def record(self, event: int, stream: int) -> None:
        """See `Cuda.record`."""
        self._call("cuEventRecord", event, stream)

    def elapsed_ms(self, begin: int, end: int) -> float:
        """See `Cuda.elapsed_ms`."""
        self._call("cuEventSynchronize", end)
        return float(self._call("cuEventElapsedTime", begin, end))

    def begin_capture(self, stream: int) -> None:
        """See `Cuda.begin_capture`."""
        # Thread-local: what other threads do with CUDA meanwhile, as a video decoder may, is no
        # error of this capture.
        mode = self._driver.CUstreamCaptureMode.CU_STREAM_CAPTURE_MODE_THREAD_LOCAL
        self._call("cuStreamBeginCapture", stream, mode)

    def end_capture(self, stream: int) -> int:
        """See `Cuda.end_capture`."""
        recorded = self._call("cuStreamEndCapture", stream)
        try:
            return int(self._call("cuGraphInstantiate", recorded, 0))
        finally:
            self._call("cuGraphDestroy", recorded)

    def launch(self, graph: int, stream: int) -> None:
        """See `Cuda.launch`."""
        self._call("cuGraphLaunch", graph, stream)

    def destroy_graph(self, graph: int) -> None:
        """See `Cuda.destroy_graph`."""
        self._call("cuGraphExecDestroy", graph)

    def close(self) -> None:
        """See `Cuda.close`."""
        if self._device is not None:
            device, self._device = self._device, None
            self._call("cuDevicePrimaryCtxRelease", device)

    def _call(self, name: str, *arguments: Any) -> Any:
        """Call the driver; the values after its status, a lone one by itself."""
        try:
            status, *values = getattr(self._driver, name)(*arguments)
        except RuntimeError as error:  # an older driver than the binding lacks the function
            raise no_driver(f"{name}: {error}") from error
        if status != self._driver.CUresult.CUDA_SUCCESS:
            raise cuda_failure(name, getattr(status, "name", f"CUDA error {int(status)}"))
        return values[0] if len(values) == 1 else values


def _bindings() -> Any:
    for module in _MODULES:
        try:
            return import_module(module)
        except ModuleNotFoundError:
            continue
    raise no_driver("cuda-python has no driver module")
