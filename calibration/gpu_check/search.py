"""Exact search on the GPU: catalogs of a thousand to a million items, checked by value."""

from __future__ import annotations

import time
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np

from calibration.gpu_check.lab import Lab, Tell
from calibration.gpu_check.outcome import SkippedError
from runtime.catalog.catalog import FloatArray, Item
from runtime.catalog.search import best_rows
from runtime.engines.buffers import Buffers
from runtime.engines.device import Device
from runtime.engines.device_catalog import DeviceCatalog
from runtime.errors import EngineError, GpuError

LENGTH = 257
"""Numbers of a vector that `lite` searches with."""

BEST = 32
QUERIES = 20
MOST_APART = 1e-5
"""Of unit vectors, whose inner products are at most 1: the order of sums differs."""


class _Rows:
    """A `CatalogReader` as far as loading needs one: vectors without products."""

    snapshot = "made up"

    def __init__(self, vectors: FloatArray) -> None:
        self._vectors = vectors
        self._nodes = np.zeros((len(vectors), 1, 1), np.float32)

    def items(self) -> list[Item]:
        return [Item("", "", "", Path())] * len(self._vectors)

    def vectors(self, rows: range) -> tuple[FloatArray, FloatArray]:
        part = slice(rows.start, rows.stop)
        return self._vectors[part], self._nodes[part]


def search(lab: Lab, tell: Tell) -> None:
    """Search catalogs of every size with queries that are answered on the processor as well.

    Raises:
        SkippedError: the native library is not there.
        EngineError: an answer is another.
    """
    kernels = lab.machine.kernels()
    if kernels is None:
        raise SkippedError(
            "there is no search on the GPU",
            why="libsgmn_native_cuda is not built",
            fix="make native, where a CUDA compiler is; or name the library in "
            "SGMN_NATIVE_CUDA_LIBRARY",
        )
    found: dict[str, object] = {}
    with Device(lab.machine.cuda()) as device:
        for size in lab.job.sizes:
            vectors = _vectors(size, lab.job.seed)
            catalog = DeviceCatalog(device, kernels, BEST, LENGTH, 1)
            try:
                found[str(size)] = device.call(_searched, device, catalog, vectors)
            except GpuError as error:
                if error.reason != "out-of-memory":
                    raise
                found[str(size)] = {"skipped": error.why}
            finally:
                device.call(catalog.close)
            tell(sizes=found, best=BEST, length=LENGTH, most_apart=MOST_APART)


def _searched(device: Device, catalog: DeviceCatalog, vectors: FloatArray) -> dict[str, float]:
    """On the thread of the device: times, and how far answers are from the processor's."""
    began = time.perf_counter()
    catalog.load(_Rows(vectors))  # type: ignore[arg-type]
    loaded = time.perf_counter() - began
    worst, times = 0.0, []
    with Buffers(device.cuda) as buffers:
        query, rows, scores = (buffers.device(4 * n) for n in (LENGTH, BEST, BEST))
        sent = buffers.pinned([LENGTH], "float32")
        got_rows, got = buffers.pinned([BEST], "int32"), buffers.pinned([BEST], "float32")
        for asked in _queries(vectors):
            sent[:] = asked
            began = time.perf_counter()
            device.cuda.upload(query, sent, device.stream)
            catalog.queue_search(query, LENGTH, rows, scores)
            device.cuda.download(got_rows, rows, device.stream)
            device.cuda.download(got, scores, device.stream)
            device.cuda.synchronize(device.stream)
            times.append(1e3 * (time.perf_counter() - began))
            worst = max(worst, difference(vectors @ asked, got_rows.tolist(), got))
    if worst > MOST_APART:
        raise EngineError(
            f"the search of {len(vectors)} items finds others than the processor's",
            why=f"scores differ by {worst:.3g}, at most {MOST_APART:g} is allowed",
            fix="run the tests of runtime/native: make native",
        )
    return {
        "load_s": round(loaded, 3),
        "p50_ms": round(float(np.median(times)), 4),
        "p99_ms": round(float(np.percentile(times, 99)), 4),
        "largest_difference": worst,
    }


def difference(scores: FloatArray, rows: Sequence[int], got: FloatArray) -> float:
    """How far an answer is from the exact one, in scores; infinite where it is impossible.

    Rows are compared by their scores: two that differ by less than rounding may change places, but
    of two that are equal the first row comes first.

    Args:
        scores: float32 [N], of all items.
        rows: k rows that were found, best first.
        got: float32 [k], their scores.
    """
    best = best_rows(scores, len(rows))
    count = len(best)
    found = list(rows)[:count]
    if len(set(found)) != count or min(found) < 0 or max(found) >= len(scores):
        return float("inf")
    own = scores[found]
    equal = (got[1:count] == got[: count - 1]) & (np.diff(found) < 0)
    if equal.any():
        return float("inf")
    apart = np.abs(own - got[:count]), np.abs(scores[best] - got[:count])
    return float(np.max(apart))


def _vectors(count: int, seed: int) -> FloatArray:
    """Unit vectors; the last one is the first one again, so that there is a tie."""
    rng = np.random.default_rng([seed, 71])
    vectors = rng.standard_normal((count, LENGTH), np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    vectors[-1] = vectors[0]
    return vectors


def _queries(vectors: FloatArray) -> list[FloatArray]:
    """Items themselves, the one that is there twice first, and what lies between two."""
    step = max(1, len(vectors) // QUERIES)
    asked = [vectors[i] for i in range(0, len(vectors), step)][:QUERIES]
    return [asked[0], *(0.5 * (a + b) for a, b in pairwise(asked))]
