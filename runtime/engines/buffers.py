"""Memory that belongs together and is given back together."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack

import numpy as np

from runtime.engines.cuda.cuda import Array, Cuda
from runtime.lifecycle import Closable


class Buffers(Closable):
    """Device and page-locked host memory of one owner, used on the CUDA thread alone.

    Args:
        cuda: open until after these are closed.
    """

    def __init__(self, cuda: Cuda) -> None:
        self._cuda = cuda
        self._held = ExitStack()

    def device(self, size: int) -> int:
        """Address of device memory; at least one byte, as CUDA refuses none.

        Raises:
            GpuError: there is not enough.
        """
        pointer = self._cuda.alloc(max(1, size))
        self._held.callback(self._cuda.free, pointer)
        return pointer

    def pinned(self, shape: Sequence[int], dtype: str) -> Array:
        """Page-locked host memory as an array of zeros."""
        kind = np.dtype(dtype)
        count = int(np.prod(shape, dtype=np.int64))
        memory = self._cuda.alloc_pinned(max(1, count * kind.itemsize))
        self._held.callback(self._cuda.free_pinned, memory)
        memory[:] = 0
        return memory[: count * kind.itemsize].view(kind).reshape(tuple(shape))

    def close(self) -> None:
        """Give all of it back; legal in every state."""
        self._held.close()
