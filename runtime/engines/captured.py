"""Work that is queued in the same way at every step: recorded once, launched as one."""

from __future__ import annotations

from collections.abc import Callable, Hashable

from runtime.engines.device import Device
from runtime.errors import GpuError
from runtime.lifecycle import Closable


class Captured(Closable):
    """Queues work as a CUDA graph where the binding and TensorRT allow that, else call by call.

    Used on the thread of the device.

    Args:
        device: open.
        work: queues on the device's stream; neither waits nor allocates.
    """

    def __init__(self, device: Device, work: Callable[[], None]) -> None:
        self._device = device
        self._work = work
        self._key: Hashable = None
        self._graph: int | None = None
        self._refused = not device.cuda.captures

    @property
    def recorded(self) -> bool:
        """Whether the next run with the same key launches a graph."""
        return self._graph is not None

    def run(self, key: Hashable) -> None:
        """Queue the work once.

        Args:
            key: names all that is recorded besides addresses: sizes, shapes. Another key means
                another recording.

        Raises:
            GpuError: the work itself failed.
        """
        if self._graph is not None and key == self._key:
            self._device.cuda.launch(self._graph, self._device.stream)
            return
        self.close()
        # Without recording first: in its first run of a shape TensorRT may allocate, which a
        # capture forbids. Source: TensorRT developer guide, CUDA graphs.
        self._work()
        if not self._refused:
            self._device.cuda.synchronize(self._device.stream)
            self._record(key)

    def close(self) -> None:
        """Free the graph; legal in every state."""
        graph, self._graph = self._graph, None
        if graph is not None:
            self._device.cuda.destroy_graph(graph)

    def _record(self, key: Hashable) -> None:
        cuda, stream = self._device.cuda, self._device.stream
        graph: int | None = None
        try:
            cuda.begin_capture(stream)
            try:
                self._work()
            finally:
                graph = cuda.end_capture(stream)
        except GpuError:
            # An engine that cannot be captured runs as well without; the work was done above.
            self._refused = True
            if graph is not None:
                cuda.destroy_graph(graph)
        else:
            self._graph, self._key = graph, key
