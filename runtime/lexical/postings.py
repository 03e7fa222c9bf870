"""A sparse table of weights, word by word."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Postings:
    """For every word the products that have it, and how much it counts for them.

    Attributes:
        products: N.
        starts: int64 [W + 1]; word w has the entries from ``starts[w]`` to ``starts[w + 1]``.
        rows: int64, the product of each entry.
        weights: float64, its weight.
    """

    products: int
    starts: npt.NDArray[np.int64]
    rows: npt.NDArray[np.int64]
    weights: npt.NDArray[np.float64]

    @classmethod
    def of(cls, table: Sequence[Mapping[int, float]], words: int) -> Postings:
        """From one mapping of word to weight for every product."""
        entries = sorted(
            (word, row, weight) for row, found in enumerate(table) for word, weight in found.items()
        )
        counts = np.bincount([word for word, _, _ in entries], minlength=words)
        return cls(
            len(table),
            np.concatenate([[0], np.cumsum(counts)]).astype(np.int64),
            np.array([row for _, row, _ in entries], np.int64),
            np.array([weight for _, _, weight in entries], np.float64),
        )

    def total(self, heard: Mapping[int, float]) -> FloatArray:
        """Sum over the words heard of how surely each was heard times its weight: float32 [N]."""
        total = np.zeros(self.products)
        for word in sorted(heard):
            part = slice(self.starts[word], self.starts[word + 1])
            # A product has a word once, so that no row comes twice.
            total[self.rows[part]] += heard[word] * self.weights[part]
        return total.astype(np.float32)
