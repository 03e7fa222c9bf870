"""Exact search: one inner product with every item."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from runtime.catalog.catalog import FloatArray


def best_rows(scores: FloatArray, k: int) -> npt.NDArray[np.intp]:
    """Rows of the k highest scores, best first; equal scores in order of row.

    Args:
        scores: float32 [N].
        k: at least 1; N where it is larger.
    """
    count = len(scores)
    if k >= count:
        return np.argsort(-scores, kind="stable")
    worst = np.partition(scores, count - k)[count - k]
    # A partition alone would pick among items that tie with the last one by chance.
    above = np.flatnonzero(scores > worst)
    level = np.flatnonzero(scores == worst)[: k - len(above)]
    rows = np.concatenate([above, level])
    return rows[np.lexsort((rows, -scores[rows]))]


IN_MEMORY_BYTES = 256 << 20
"""Columns that are larger are read from the map of the file."""


class LeadingColumns:
    """The first columns of the vectors of all items, side by side in memory.

    A step reads them all. Out of whole rows in a mapped file that takes half as long again.

    Args:
        vectors: float32 [N, V], memory-mapped; not copied before it is searched.
    """

    def __init__(self, vectors: FloatArray) -> None:
        self._vectors = vectors
        self._held = np.zeros((0, 0), np.float32)

    def take(self, count: int) -> FloatArray:
        """float32 [N, count]; made once, as one reader always asks for the same number."""
        held = self._held
        if held.shape == (len(self._vectors), count):
            return held
        found = self._vectors[:, :count]
        if found.nbytes > IN_MEMORY_BYTES:
            return found
        self._held = held = np.array(found)
        return held
