"""The CUDA calls that engines need, and no others."""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]
Bytes = npt.NDArray[np.uint8]


class Cuda(Protocol):
    """One GPU. Every call is made on the thread that called `open`.

    Device addresses, streams, events and graphs are plain numbers, which is also what TensorRT and
    the native library take. All work queued on one stream runs in order. Host arrays that are
    copied from or to belong to `alloc_pinned`; until the stream has been waited for, their bytes
    must neither be changed nor be read.

    Every call raises `GpuError` where CUDA reports a failure.
    """

    @property
    def name(self) -> str:
        """The binding and its version."""

    @property
    def captures(self) -> bool:
        """Whether a stream can be captured into a graph."""

    def open(self, ordinal: int = 0) -> None:
        """Make a device's primary context, which TensorRT shares, current on this thread."""

    def memory(self) -> tuple[int, int]:
        """Bytes of device memory: free, and in all."""

    def alloc(self, size: int) -> int:
        """Device memory of so many bytes, aligned to 256."""

    def free(self, pointer: int) -> None:
        """Give device memory back."""

    def alloc_pinned(self, size: int) -> Bytes:
        """Page-locked host memory, uint8 [size]; gone after `free_pinned`."""

    def free_pinned(self, array: Bytes) -> None:
        """Give back the very array that `alloc_pinned` returned."""

    def upload(self, target: int, source: Array, stream: int) -> None:
        """Queue a copy of a whole contiguous host array to the device."""

    def download(self, target: Array, source: int, stream: int) -> None:
        """Queue a copy from the device that fills a contiguous host array."""

    def copy(self, target: int, source: int, size: int, stream: int) -> None:
        """Queue a copy of bytes within the device."""

    def fill(self, target: int, value: int, size: int, stream: int) -> None:
        """Queue setting bytes to a value of 0 to 255."""

    def create_stream(self) -> int:
        """A stream that does not wait for the default stream."""

    def destroy_stream(self, stream: int) -> None:
        """Free a stream."""

    def synchronize(self, stream: int) -> None:
        """Wait until all that is queued has run."""

    def create_event(self) -> int:
        """An event that takes the time."""

    def destroy_event(self, event: int) -> None:
        """Free an event."""

    def record(self, event: int, stream: int) -> None:
        """Queue the event."""

    def elapsed_ms(self, begin: int, end: int) -> float:
        """Milliseconds between two recorded events; waits for the second."""

    def begin_capture(self, stream: int) -> None:
        """From here on record what is queued on the stream instead of running it."""

    def end_capture(self, stream: int) -> int:
        """End the recording; the result is a graph that can be launched."""

    def launch(self, graph: int, stream: int) -> None:
        """Queue all that was recorded."""

    def destroy_graph(self, graph: int) -> None:
        """Free a graph."""

    def close(self) -> None:
        """Let the context go; legal in every state and more than once."""
