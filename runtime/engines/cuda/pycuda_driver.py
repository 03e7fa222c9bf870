"""CUDA through pycuda, whose objects are kept here behind the numbers that name them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from typing import Any

from runtime import machine
from runtime.engines.cuda.cuda import Array, Bytes
from runtime.engines.cuda.failure import OUT_OF_MEMORY, cuda_failure, no_driver

_NON_BLOCKING = 1  # CU_STREAM_NON_BLOCKING


class PyCuda:
    """See `Cuda`. pycuda cannot capture graphs."""

    def __init__(self) -> None:
        self._driver: Any = None
        self._context: Any = None
        self._memory: dict[int, Any] = {}
        self._pinned: dict[int, Any] = {}
        self._streams: dict[int, Any] = {}
        self._events: dict[int, Any] = {}

    @property
    def name(self) -> str:
        """The binding and its version."""
        return f"pycuda {machine.package_version('pycuda') or '?'}"

    @property
    def captures(self) -> bool:
        """Streams cannot be captured."""
        return False

    def open(self, ordinal: int = 0) -> None:
        """See `Cuda.open`."""
        try:
            # Never pycuda.autoinit: its context belongs to whichever thread imports it first.
            driver = import_module("pycuda.driver")
        except (ImportError, OSError) as error:
            raise no_driver(f"pycuda cannot be loaded ({error})") from error
        self._driver = driver
        with self._checked("cuInit"):
            driver.init()
        with self._checked("cuDevicePrimaryCtxRetain"):
            self._context = driver.Device(ordinal).retain_primary_context()
            self._context.push()

    def memory(self) -> tuple[int, int]:
        """See `Cuda.memory`."""
        with self._checked("cuMemGetInfo"):
            free, total = self._driver.mem_get_info()
        return int(free), int(total)

    def alloc(self, size: int) -> int:
        """See `Cuda.alloc`."""
        with self._checked("cuMemAlloc"):
            memory = self._driver.mem_alloc(size)
        self._memory[int(memory)] = memory
        return int(memory)

    def free(self, pointer: int) -> None:
        """See `Cuda.free`."""
        with self._checked("cuMemFree"):
            self._memory.pop(pointer).free()

    def alloc_pinned(self, size: int) -> Bytes:
        """See `Cuda.alloc_pinned`."""
        with self._checked("cuMemHostAlloc"):
            array: Bytes = self._driver.pagelocked_empty(size, "uint8")
        self._pinned[array.ctypes.data] = array
        return array

    def free_pinned(self, array: Bytes) -> None:
        """See `Cuda.free_pinned`."""
        with self._checked("cuMemFreeHost"):
            self._pinned.pop(array.ctypes.data).base.free()

    def upload(self, target: int, source: Array, stream: int) -> None:
        """See `Cuda.upload`."""
        with self._checked("cuMemcpyHtoDAsync"):
            self._driver.memcpy_htod_async(target, source, self._streams[stream])

    def download(self, target: Array, source: int, stream: int) -> None:
        """See `Cuda.download`."""
        with self._checked("cuMemcpyDtoHAsync"):
            self._driver.memcpy_dtoh_async(target, source, self._streams[stream])

    def copy(self, target: int, source: int, size: int, stream: int) -> None:
        """See `Cuda.copy`."""
        with self._checked("cuMemcpyDtoDAsync"):
            self._driver.memcpy_dtod_async(target, source, size, self._streams[stream])

    def fill(self, target: int, value: int, size: int, stream: int) -> None:
        """See `Cuda.fill`."""
        with self._checked("cuMemsetD8Async"):
            self._driver.memset_d8_async(target, value, size, self._streams[stream])

    def create_stream(self) -> int:
        """See `Cuda.create_stream`."""
        with self._checked("cuStreamCreate"):
            stream = self._driver.Stream(_NON_BLOCKING)
        self._streams[stream.handle] = stream
        return int(stream.handle)

    def destroy_stream(self, stream: int) -> None:
        """See `Cuda.destroy_stream`."""
        del self._streams[stream]

    def synchronize(self, stream: int) -> None:
        """See `Cuda.synchronize`."""
        with self._checked("cuStreamSynchronize"):
            self._streams[stream].synchronize()

    def create_event(self) -> int:
        """See `Cuda.create_event`."""
        with self._checked("cuEventCreate"):
            event = self._driver.Event()
        self._events[id(event)] = event
        return id(event)

    def destroy_event(self, event: int) -> None:
        """See `Cuda.destroy_event`."""
        del self._events[event]

    def record(self, event: int, stream: int) -> None:
        """See `Cuda.record`."""
        with self._checked("cuEventRecord"):
            self._events[event].record(self._streams[stream])

    def elapsed_ms(self, begin: int, end: int) -> float:
        """See `Cuda.elapsed_ms`."""
        with self._checked("cuEventElapsedTime"):
            self._events[end].synchronize()
            return float(self._events[end].time_since(self._events[begin]))

    def begin_capture(self, stream: int) -> None:
        """Not offered by pycuda."""
        raise _no_graphs("cuStreamBeginCapture")

    def end_capture(self, stream: int) -> int:
        """Not offered by pycuda."""
        raise _no_graphs("cuStreamEndCapture")

    def launch(self, graph: int, stream: int) -> None:
        """Not offered by pycuda."""
        raise _no_graphs("cuGraphLaunch")

    def destroy_graph(self, graph: int) -> None:
        """Not offered by pycuda."""
        raise _no_graphs("cuGraphExecDestroy")

    def close(self) -> None:
        """See `Cuda.close`."""
        if self._context is not None:
            context, self._context = self._context, None
            # pycuda would free them later, when their context is gone, and complain.
            for kept in (self._memory, self._pinned, self._streams, self._events):
                kept.clear()
            with self._checked("cuDevicePrimaryCtxRelease"):
                context.pop()
                context.detach()

    @contextmanager
    def _checked(self, call: str) -> Iterator[None]:
        try:
            yield
        except self._driver.MemoryError as error:
            raise cuda_failure(call, OUT_OF_MEMORY) from error
        except self._driver.Error as error:
            # pycuda tells "cuMemAlloc failed: invalid argument", without CUDA's own name.
            said, _, why = str(error).partition(" failed: ")
            raise cuda_failure(said if why else call, why or said) from error


def _no_graphs(call: str) -> Exception:
    return cuda_failure(call, "pycuda does not offer it")
