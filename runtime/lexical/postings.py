"""Words of many texts as sparse tables, word by word."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import chain

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float32]
Integers = npt.NDArray[np.int64]
Weights = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Counts:
    """How often each word stands in each text; an entry where it does, by word, then by text.

    Attributes:
        texts: N.
        words: W.
        rows: [E], the text of each entry.
        places: [E], its word.
        times: [E], how often, at least 1.
    """

    texts: int
    words: int
    rows: Integers
    places: Integers
    times: Weights

    @classmethod
    def of(cls, texts: Sequence[Sequence[int]], words: int) -> Counts:
        """Count the words of texts; words are numbers below ``words``."""
        lengths = np.fromiter(map(len, texts), np.int64, len(texts))
        places = np.fromiter(chain.from_iterable(texts), np.int64, int(lengths.sum()))
        rows = np.repeat(np.arange(len(texts)), lengths)
        keys, times = np.unique(places * len(texts) + rows, return_counts=True)
        places, rows = np.divmod(keys, max(1, len(texts)))
        return cls(len(texts), words, rows, places, times.astype(np.float64))

    def having(self) -> Weights:
        """In how many texts each word stands: [W]."""
        return np.bincount(self.places, minlength=self.words).astype(np.float64)

    def sums(self, weights: Weights) -> Weights:
        """Sum of the entries' weights for every text: [N]."""
        return np.asarray(np.bincount(self.rows, weights, self.texts), np.float64)


@dataclass(frozen=True)
class Postings:
    """For every word the products that have it, and how much it counts for them.

    Attributes:
        products: N.
        starts: [W + 1]; word w has the entries from ``starts[w]`` to ``starts[w + 1]``.
        rows: [E], the product of each entry; a product has a word once.
        weights: [E], its weight.
    """

    products: int
    starts: Integers
    rows: Integers
    weights: Weights

    @classmethod
    def of(cls, counts: Counts, weights: Weights) -> Postings:
        """With a weight for every entry of the counts."""
        starts = np.searchsorted(counts.places, np.arange(counts.words + 1))
        return cls(counts.texts, starts, counts.rows, weights)

    def total(self, heard: Mapping[int, float]) -> FloatArray:
        """Sum over the words heard of how surely each was heard times its weight: float32 [N]."""
        total = np.zeros(self.products)
        for word in sorted(heard):
            part = slice(self.starts[word], self.starts[word + 1])
            total[self.rows[part]] += heard[word] * self.weights[part]
        return total.astype(np.float32)
