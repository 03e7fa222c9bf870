"""One GPU and the one thread that makes every call to it."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from runtime.engines.cuda.cuda import Cuda
from runtime.errors import EngineError, GpuError
from runtime.lifecycle import Openable

T = TypeVar("T")

SETTLED_RUNS = 20
"""Runs after which a start counts as one that did not crash."""


class Device(Openable):
    """A GPU with one stream. CUDA contexts belong to threads, so that all calls come from one.

    Source: pycuda contexts break when threads share them (NVIDIA/TensorRT#2357).

    Args:
        cuda: not open yet.
        ordinal: number of the device.
        on_settled: called once, on the thread of the device, after `SETTLED_RUNS` runs.
    """

    def __init__(
        self, cuda: Cuda, ordinal: int = 0, on_settled: Callable[[], None] = lambda: None
    ) -> None:
        self.cuda = cuda
        self.stream = 0
        self._ordinal = ordinal
        self._on_settled = on_settled
        self._runs = 0
        self._failed = False
        self._thread: int | None = None
        self._pool: ThreadPoolExecutor | None = None
        self._lock = threading.Lock()

    @property
    def runs(self) -> int:
        """Runs so far of all that runs here."""
        return self._runs

    @property
    def failed(self) -> bool:
        """Whether the GPU has failed since it was opened."""
        return self._failed

    def open(self) -> Device:
        """Start the thread and open the device on it, unless it is open.

        Raises:
            GpuError: the device cannot be used.
        """
        with self._lock:
            if self._pool is not None:
                return self
            self._pool = ThreadPoolExecutor(1, thread_name_prefix="cuda")
        try:
            self.call(self._open)
        except BaseException:
            self.close()
            raise
        return self

    def call(self, job: Callable[..., T], *arguments: object) -> T:
        """Do a job on the thread of the device and wait for it; what it raises is raised here.

        Raises:
            EngineError: the device is closed.
        """
        if threading.get_ident() == self._thread:
            return job(*arguments)
        with self._lock:
            if self._pool is None:
                raise EngineError(
                    "the GPU is not open", why="it was closed", fix="open the bundle again"
                )
            waiting = self._pool.submit(job, *arguments)
        try:
            return waiting.result()
        except GpuError as error:
            # Memory runs short when something is opened, which then is done without.
            self._failed = self._failed or error.reason != "out-of-memory"
            raise

    def count_run(self) -> None:
        """Note that something ran to its end."""
        self._runs += 1
        if self._runs == SETTLED_RUNS:
            self._on_settled()

    def close(self) -> None:
        """Let the device go and end the thread; legal in every state, but not on that thread."""
        with self._lock:
            pool, self._pool = self._pool, None
        if pool is None:
            return
        try:
            pool.submit(self._close).result()
        finally:
            pool.shutdown()
            self._thread = None

    def _open(self) -> None:
        self._thread = threading.get_ident()
        self.cuda.open(self._ordinal)
        self.stream = self.cuda.create_stream()

    def _close(self) -> None:
        try:
            if self.stream:
                stream, self.stream = self.stream, 0
                self.cuda.destroy_stream(stream)
        finally:
            self.cuda.close()
