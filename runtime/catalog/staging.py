"""Changes that wait for the next publish."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from runtime.catalog.catalog import FloatArray, Item, ItemVectors
from runtime.catalog.view import View, empty_view
from runtime.errors import CatalogError

Staged = dict[str, tuple[Item, ItemVectors] | None]
"""By id: an item that is new or changed, or None for one that goes."""


def check_finite(item: Item, vectors: ItemVectors) -> None:
    """Refuse vectors that would spoil every search.

    Raises:
        CatalogError: a value is infinite or not a number.
    """
    if not (np.isfinite(vectors.item).all() and np.isfinite(vectors.nodes).all()):
        raise CatalogError(
            f"the product {item.id} cannot be stored",
            why="the network gave vectors that are not finite numbers",
            fix="run: sgmn bundle verify",
        )


def merged(view: View, staged: Staged) -> tuple[list[Item], list[ItemVectors]]:
    """What is published with the staged changes made, in order of id."""
    entries: dict[str, tuple[Item, ItemVectors] | None] = {
        item.id: (item, ItemVectors(view.snapshot.items[row], view.snapshot.nodes[row]))
        for row, item in enumerate(view.items)
    }
    entries.update(staged)
    pairs = [pair for _, pair in sorted(entries.items(), key=lambda entry: entry[0]) if pair]
    return [item for item, _ in pairs], [vectors for _, vectors in pairs]


def stacked(vectors: Sequence[ItemVectors]) -> tuple[FloatArray, FloatArray]:
    """Item vectors float32 [N, V] and nodes float32 [N, M, G].

    Raises:
        CatalogError: their shapes differ from item to item.
    """
    if not vectors:
        nothing = empty_view().snapshot
        return nothing.items, nothing.nodes
    if len({(v.item.shape, v.nodes.shape) for v in vectors}) > 1:
        raise CatalogError(
            "the products' vectors do not fit together",
            why="their shapes differ",
            fix="import the whole feed again with one bundle",
        )
    items = np.stack([v.item for v in vectors]).astype(np.float32, copy=False)
    return items, np.stack([v.nodes for v in vectors]).astype(np.float32, copy=False)
