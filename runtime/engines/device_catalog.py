"""The vectors of a catalog on the device, searched there."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from runtime.catalog.catalog import CatalogReader
from runtime.engines.buffers import Buffers
from runtime.engines.cuda.cuda import Array
from runtime.engines.device import Device
from runtime.engines.native import WORKSPACE_BYTES, Kernels, Rows, Search
from runtime.errors import GpuError
from runtime.lifecycle import Closable

FloatArray = npt.NDArray[np.float32]

BLOCK_ROWS = 1024
SPARE_BYTES = 128 << 20
"""Device memory that must stay free for TensorRT and other programs."""


class DeviceCatalog(Closable):
    """One snapshot of a catalog. Used on the thread of the device.

    Args:
        device: open.
        kernels: search and copy rows.
        best: K, the rows that a search finds.
        vector: V, floats of an item's vector.
        nodes: floats of all nodes of an item.
    """

    def __init__(
        self, device: Device, kernels: Kernels, best: int, vector: int, nodes: int
    ) -> None:
        self._device = device
        self._kernels = kernels
        self._best = best
        self._vector = vector
        self._nodes = nodes
        self._buffers = Buffers(device.cuda)
        self._snapshot: str | None = None
        self._count = 0
        self._prior: FloatArray | None = None
        self._search = Search()
        self._nodes_at = 0
        self._prior_staged: Array = np.zeros(0, np.float32)

    @property
    def snapshot(self) -> str | None:
        """Name of the snapshot that is loaded."""
        return self._snapshot

    @property
    def count(self) -> int:
        """N, its products."""
        return self._count

    def load(self, catalog: CatalogReader) -> None:
        """Copy the catalog's live snapshot to the device in place of the one that is there.

        Raises:
            GpuError: the GPU has no room for it (``out-of-memory``).
        """
        self.close()
        count = len(catalog.items())
        floats = count * (self._vector + self._nodes + 1)
        needed, free = 4 * floats + SPARE_BYTES, self._device.cuda.memory()[0]
        if needed > free:
            raise GpuError(
                "the catalog does not fit on the GPU",
                reason="out-of-memory",
                why=f"{count} products need {needed >> 20} MiB, {free >> 20} MiB are free",
                fix="end other programs that use the GPU; without, the processor searches",
            )
        try:
            self._allocate(count)
            self._fill(catalog, count)
        except BaseException:
            self.close()
            raise
        self._snapshot, self._count = catalog.snapshot, count

    def weigh(self, prior: FloatArray | None) -> None:
        """Set what is added to the scores of all items, float32 [N]; None adds nothing."""
        if prior is self._prior:
            return
        self._prior_staged[:] = 0 if prior is None else prior
        self._prior = prior
        self._device.cuda.upload(self._search.prior, self._prior_staged, self._device.stream)

    def queue_search(self, query: int, length: int, found: int, scores: int) -> None:
        """Queue a search.

        Args:
            query: address of float32 [length], the beginning of a query.
            length: its floats.
            found: address of int32 [K] for the rows.
            scores: address of float32 [K] for their scores.
        """
        search = self._search
        search.query, search.length = query, length
        search.found, search.scores = found, scores
        self._kernels.search(search, self._device.stream)

    def queue_gather(self, found: int, items: int, nodes: int) -> None:
        """Queue copying the vectors of K rows to addresses; missing rows are zeros."""
        for source, floats, target in (
            (self._search.items, self._vector, items),
            (self._nodes_at, self._nodes, nodes),
        ):
            rows = Rows(self._best, self._count, self._best, 4 * floats, source, found, target)
            self._kernels.copy_rows(rows, self._device.stream)

    def close(self) -> None:
        """Free its memory; legal in every state."""
        self._snapshot, self._count, self._prior = None, 0, None
        self._buffers.close()

    def _allocate(self, count: int) -> None:
        buffers, workspace = self._buffers, self._kernels.workspace(count, self._best)
        self._search = Search(
            rows=count,
            stride=self._vector,
            length=self._vector,
            best=self._best,
            items=buffers.device(4 * count * self._vector),
            prior=buffers.device(4 * count),
            workspace=buffers.device(WORKSPACE_BYTES * workspace),
            capacity=workspace,
        )
        self._nodes_at = buffers.device(4 * count * self._nodes)
        self._prior_staged = buffers.pinned([count], "float32")
        self._device.cuda.fill(self._search.prior, 0, 4 * count, self._device.stream)

    def _fill(self, catalog: CatalogReader, count: int) -> None:
        cuda, stream = self._device.cuda, self._device.stream
        staging = Buffers(cuda)
        try:
            items = staging.pinned([BLOCK_ROWS, self._vector], "float32")
            nodes = staging.pinned([BLOCK_ROWS, self._nodes], "float32")
            for start in range(0, count, BLOCK_ROWS):
                rows = range(start, min(start + BLOCK_ROWS, count))
                vectors, places = catalog.vectors(rows)
                parts = items[: len(rows)], nodes[: len(rows)]
                parts[0][:], parts[1][:] = vectors, places.reshape(len(rows), -1)
                cuda.upload(self._search.items + 4 * start * self._vector, parts[0], stream)
                cuda.upload(self._nodes_at + 4 * start * self._nodes, parts[1], stream)
                # Before the block is filled anew.
                cuda.synchronize(stream)
        finally:
            staging.close()
