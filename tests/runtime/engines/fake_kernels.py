"""The native library's kernels in NumPy, on the memory of a `FakeCuda`."""

from __future__ import annotations

import ctypes

import numpy as np

from runtime.catalog.search import best_rows
from runtime.engines.native import Rows, Search
from runtime.preprocess import letterbox
from tests.runtime.engines.fake_cuda import FakeCuda


class FakeKernels:
    """See `runtime.engines.native.Kernels`."""

    def __init__(self, cuda: FakeCuda) -> None:
        self._cuda = cuda

    def square(self, frame: int, side: int, target: int, size: int, stream: int) -> None:
        def work() -> None:
            picture = self._array(frame, (side, side, 3), "uint8")
            np.copyto(self._array(target, (size, size, 3), "uint8"), letterbox(picture, size))

        self._cuda.enqueue(stream, work)

    def workspace(self, rows: int, best: int) -> int:
        return rows + best

    def search(self, search: Search, stream: int) -> None:
        s = _copied(search)

        def work() -> None:
            self._cuda.view(s.workspace, 8 * s.capacity)
            items = self._array(s.items, (s.rows, s.stride), "float32")[:, : s.length]
            scores = items @ self._array(s.query, (s.length,), "float32")
            if s.prior:
                scores = scores + self._array(s.prior, (s.rows,), "float32")
            found = self._array(s.found, (s.best,), "int32")
            kept = self._array(s.scores, (s.best,), "float32")
            rows = best_rows(scores, s.best)[: s.best]
            found[:], kept[:] = -1, 0
            found[: len(rows)], kept[: len(rows)] = rows, scores[rows]

        self._cuda.enqueue(stream, work)

    def copy_rows(self, rows: Rows, stream: int) -> None:
        r = _copied(rows)

        def index(address: int | None) -> np.ndarray:
            if not address:
                return np.arange(r.count)
            return self._array(address, (r.count,), "int32").copy()

        def work() -> None:
            source = self._array(r.source, (r.source_rows, r.row_bytes), "uint8")
            target = self._array(r.target, (r.target_rows, r.row_bytes), "uint8")
            for i, o in zip(index(r.source_index), index(r.target_index), strict=True):
                if 0 <= o < r.target_rows:
                    target[o] = source[i] if 0 <= i < r.source_rows else 0

        self._cuda.enqueue(stream, work)

    def _array(self, address: int, shape: tuple[int, ...], dtype: str) -> np.ndarray:
        size = int(np.prod(shape)) * np.dtype(dtype).itemsize
        if not size:
            return np.zeros(shape, dtype)
        return self._cuda.view(address, size).view(dtype).reshape(shape)


def _copied(struct: ctypes.Structure) -> ctypes.Structure:
    """The real library takes the struct before it returns; later changes must not matter."""
    return type(struct).from_buffer_copy(struct)
