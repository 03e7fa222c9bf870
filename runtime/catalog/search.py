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
