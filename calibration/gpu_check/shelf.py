"""A made-up catalog in memory, of any size: no folder, no pictures, nothing to decode."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from runtime.bundle.manifest import Manifest
from runtime.catalog.catalog import FloatArray, Hit, Item
from runtime.catalog.search import best_rows

GRAIN = 80
"""Pixels of a patch of one colour in a made-up frame."""


class Shelf:
    """A `CatalogReader` of random unit vectors.

    Args:
        vectors: float32 [N, V].
        nodes: float32 [N, M, G].
    """

    def __init__(self, vectors: FloatArray, nodes: FloatArray) -> None:
        self._vectors = vectors
        self._nodes = nodes
        self._items = [
            Item(f"item-{row:07}", f"product {row}", "", Path()) for row in range(len(vectors))
        ]

    @property
    def snapshot(self) -> str:
        """There is one."""
        return "made up"

    def items(self) -> list[Item]:
        """See `CatalogReader.items`."""
        return self._items

    def vectors(self, rows: Sequence[int]) -> tuple[FloatArray, FloatArray]:
        """See `CatalogReader.vectors`."""
        if isinstance(rows, range):
            part = slice(rows.start, rows.stop, rows.step)
            return self._vectors[part], self._nodes[part]
        return self._vectors[list(rows)], self._nodes[list(rows)]

    def scores(self, part: FloatArray, start: int) -> FloatArray:
        """See `CatalogReader.scores`."""
        found: FloatArray = self._vectors[:, start : start + len(part)] @ part
        return found

    def search(self, query: FloatArray, k: int, prior: FloatArray | None = None) -> list[Hit]:
        """See `CatalogReader.search`."""
        scores = self.scores(query, 0)
        scores = scores if prior is None else scores + prior
        return [Hit(int(r), self._items[r], float(scores[r])) for r in best_rows(scores, k)]


def made_up_shelf(manifest: Manifest, items: int, seed: int) -> Shelf:
    """Products with vectors and nodes of a bundle's sizes.

    Args:
        manifest: of the bundle.
        items: how many.
        seed: of the vectors.
    """
    item, nodes = (port.shape for port in manifest.submodules["item_head"].outputs)
    rng = np.random.default_rng([seed, 61])
    return Shelf(
        _unit(rng, (items, int(item[1]))), _unit(rng, (items, int(nodes[1]), int(nodes[2])))
    )


def made_up_frames(
    count: int, seed: int, size: tuple[int, int] = (720, 1280)
) -> list[npt.NDArray[np.uint8]]:
    """Camera frames uint8 [H, W, 3] BGR of coloured patches, each another."""
    height, width = size
    rng = np.random.default_rng([seed, 67])
    coarse = rng.integers(0, 256, (count, height // GRAIN, width // GRAIN, 3), np.uint8)
    return list(coarse.repeat(GRAIN, 1).repeat(GRAIN, 2))


def _unit(rng: np.random.Generator, shape: tuple[int, ...]) -> FloatArray:
    values = rng.standard_normal(shape, np.float32)
    values /= np.linalg.norm(values, axis=-1, keepdims=True)
    return values
