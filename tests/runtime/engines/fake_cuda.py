"""A GPU made of NumPy arrays that refuses what a real one would punish.

Queued work runs when its stream is waited for, and not before: whoever reads too early sees old
bytes, and whoever changes page-locked memory too early sends the new ones. Use after free, double
frees, calls from another thread, ordinary host memory and what is left at the end are errors.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from runtime.engines.cuda.failure import cuda_failure

GAP = 4096
POISON = 0xDD
Work = Callable[[], None]


class MisuseError(AssertionError):
    """The caller broke a rule of CUDA."""


@dataclass
class _Stream:
    queued: list[Work] = field(default_factory=list)
    recording: list[Work] | None = None


class FakeCuda:
    """See `runtime.engines.cuda.Cuda`.

    Args:
        capacity: bytes of device memory.
        captures: whether graphs can be captured, as pycuda's cannot.
    """

    name = "fake 1.0"

    def __init__(self, capacity: int = 4 << 30, *, captures: bool = True) -> None:
        self.captures = captures
        self.capacity = capacity
        self.calls: list[str] = []
        self.keep_calls = False
        self.made = 0
        self.launches = 0
        self.captured = 0
        self.failing: dict[str, str] = {}
        self.thread: int | None = None
        self._next = 1 << 20
        self._memory: dict[int, np.ndarray] = {}
        self._pinned: dict[int, np.ndarray] = {}
        self._streams: dict[int, _Stream] = {}
        self._events: dict[int, int] = {}
        self._graphs: dict[int, list[Work]] = {}
        self._clock = 0

    # What tests ask.

    @property
    def used(self) -> int:
        """Bytes of device and page-locked memory in use."""
        return sum(a.nbytes for a in (*self._memory.values(), *self._pinned.values()))

    @property
    def held(self) -> dict[str, int]:
        """How many of each kind are there."""
        kinds = {"memory": self._memory, "pinned": self._pinned, "streams": self._streams}
        return {
            k: len(v) for k, v in {**kinds, "events": self._events, "graphs": self._graphs}.items()
        }

    def view(self, address: int, size: int) -> np.ndarray:
        """Device memory, for the work that fakes of kernels queue: uint8 [size]."""
        for start, block in self._memory.items():
            if start <= address and address + size <= start + block.nbytes:
                return block[address - start : address - start + size]
        raise MisuseError(f"{size} bytes at {address} are no device memory")

    def recording(self, stream: int) -> bool:
        """Whether what is queued now is recorded."""
        return self._stream(stream).recording is not None

    def enqueue(self, stream: int, work: Work) -> None:
        """Queue the work of a kernel."""
        self._check("enqueue")
        found = self._stream(stream)
        (found.queued if found.recording is None else found.recording).append(work)

    # The protocol.

    def open(self, ordinal: int = 0) -> None:
        if self.thread is not None:
            raise MisuseError("it is open")
        self._fail("open")
        if ordinal:
            raise cuda_failure("cuDeviceGet", "CUDA_ERROR_INVALID_DEVICE")
        self.thread = threading.get_ident()

    def memory(self) -> tuple[int, int]:
        self._check("memory")
        return self.capacity - sum(a.nbytes for a in self._memory.values()), self.capacity

    def alloc(self, size: int) -> int:
        self._check("alloc")
        if size <= 0:
            raise cuda_failure("cuMemAlloc", "CUDA_ERROR_INVALID_VALUE")
        if size > self.memory()[0]:
            raise cuda_failure("cuMemAlloc", "CUDA_ERROR_OUT_OF_MEMORY")
        address = self._number(size)
        self._memory[address] = np.full(size, POISON, np.uint8)
        self.made += 1
        return address

    def free(self, pointer: int) -> None:
        self._check("free")
        if pointer not in self._memory:
            raise MisuseError(f"{pointer} is not allocated, or freed twice")
        self._wait_for_all()
        self._memory.pop(pointer)[:] = POISON

    def alloc_pinned(self, size: int) -> np.ndarray:
        self._check("alloc_pinned")
        array = np.full(size, POISON, np.uint8)
        self._pinned[array.ctypes.data] = array
        self.made += 1
        return array

    def free_pinned(self, array: np.ndarray) -> None:
        self._check("free_pinned")
        if array.ctypes.data not in self._pinned:
            raise MisuseError("this array is not page-locked, or freed twice")
        self._wait_for_all()
        self._pinned.pop(array.ctypes.data)[:] = POISON

    def upload(self, target: int, source: np.ndarray, stream: int) -> None:
        self._check("upload")
        host = self._bytes(source)
        self.view(target, host.nbytes)
        self.enqueue(stream, lambda: np.copyto(self.view(target, host.nbytes), host))

    def download(self, target: np.ndarray, source: int, stream: int) -> None:
        self._check("download")
        host = self._bytes(target)
        self.view(source, host.nbytes)
        self.enqueue(stream, lambda: np.copyto(host, self.view(source, host.nbytes)))

    def copy(self, target: int, source: int, size: int, stream: int) -> None:
        self._check("copy")
        self.view(target, size)
        self.view(source, size)
        self.enqueue(stream, lambda: np.copyto(self.view(target, size), self.view(source, size)))

    def fill(self, target: int, value: int, size: int, stream: int) -> None:
        self._check("fill")
        self.view(target, size)
        self.enqueue(stream, lambda: self.view(target, size).fill(value))

    def create_stream(self) -> int:
        self._check("create_stream")
        return self._keep(self._streams, _Stream())

    def destroy_stream(self, stream: int) -> None:
        self._check("destroy_stream")
        self._stream(stream)
        del self._streams[stream]

    def synchronize(self, stream: int) -> None:
        self._check("synchronize")
        found = self._stream(stream)
        if found.recording is not None:
            raise cuda_failure("cuStreamSynchronize", "CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED")
        queued, found.queued = found.queued, []
        for work in queued:
            work()

    def create_event(self) -> int:
        self._check("create_event")
        return self._keep(self._events, 0)

    def destroy_event(self, event: int) -> None:
        self._check("destroy_event")
        del self._events[event]

    def record(self, event: int, stream: int) -> None:
        self._check("record")
        self._clock += 1
        self._stream(stream)
        self._events[event] = self._clock

    def elapsed_ms(self, begin: int, end: int) -> float:
        self._check("elapsed_ms")
        return float(self._events[end] - self._events[begin])

    def begin_capture(self, stream: int) -> None:
        self._check("begin_capture")
        if not self.captures:
            raise cuda_failure("cuStreamBeginCapture", "not offered")
        self._stream(stream).recording = []

    def end_capture(self, stream: int) -> int:
        found = self._stream(stream)
        if "end_capture" in self.failing:
            found.recording = None  # a failing end ends it as well
        self._check("end_capture")
        if found.recording is None:
            raise cuda_failure("cuStreamEndCapture", "CUDA_ERROR_ILLEGAL_STATE")
        recorded, found.recording = found.recording, None
        self.captured += 1
        return self._keep(self._graphs, recorded)

    def launch(self, graph: int, stream: int) -> None:
        self._check("launch")
        if graph not in self._graphs:
            raise MisuseError("this graph is destroyed")
        self.launches += 1
        self._stream(stream).queued.extend(self._graphs[graph])

    def destroy_graph(self, graph: int) -> None:
        self._check("destroy_graph")
        if graph not in self._graphs:
            raise MisuseError("this graph is destroyed twice")
        del self._graphs[graph]

    def close(self) -> None:
        if self.thread is None:
            return
        self._check("close")
        left = {kind: count for kind, count in self.held.items() if count}
        if left:
            raise MisuseError(f"closed with {left} left")
        self.thread = None

    # The rules.

    def _check(self, call: str) -> None:
        if self.thread is None:
            raise MisuseError(f"{call} on a closed device")
        if self.thread != threading.get_ident():
            raise MisuseError(f"{call} on another thread")
        if self.keep_calls:
            self.calls.append(call)
        self._fail(call)

    def _fail(self, call: str) -> None:
        if call in self.failing:
            raise cuda_failure(call, self.failing[call])

    def _stream(self, stream: int) -> _Stream:
        if stream not in self._streams:
            raise MisuseError(f"{stream} is no stream")
        return self._streams[stream]

    def _bytes(self, array: np.ndarray) -> np.ndarray:
        if not array.flags.c_contiguous:
            raise MisuseError("the host array is not contiguous")
        start = array.ctypes.data
        for address, block in self._pinned.items():
            if address <= start and start + array.nbytes <= address + block.nbytes:
                return block[start - address : start - address + array.nbytes]
        raise MisuseError("the host array is not page-locked, or freed")

    def _number(self, size: int = 1) -> int:
        number = self._next
        self._next += (size + GAP) // 256 * 256 + 256
        return number

    def _keep(self, kind: dict[int, Any], thing: Any) -> int:
        number = self._number()
        kind[number] = thing
        return number

    def _wait_for_all(self) -> None:
        # As cuMemFree does.
        for stream in self._streams:
            self.synchronize(stream)
