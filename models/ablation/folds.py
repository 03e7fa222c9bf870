"""Leave-products-out folds: what a network makes of products it never saw in photos.

A fold takes the photos of some products away, while their shop images and texts stay in the
gallery. The rest keep most of their photos. Three groups of queries follow, each of up to eight
photos: ``easy`` (the last photos of the rest), ``hard`` (a cluster of alike photos of the rest that
training did not see) and ``held`` (products without photos).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import torch

from models.training.bank import FeatureBank

EASY = 0.3
"""Share of a product's photos that easy queries take."""

CLUSTERS = 3
"""Clusters of a product's photos; hard queries take one whole."""

LARGEST = 0.6
"""Largest share of the photos that a hard cluster may have; else the second one is taken."""

IntArray = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Query:
    """Photos of one product.

    Attributes:
        product: its row in the bank.
        frames: rows of the bank's frames.
        group: ``easy``, ``hard`` or ``held``.
    """

    product: int
    frames: tuple[int, ...]
    group: str


@dataclass(frozen=True)
class Fold:
    """One division of the products.

    Attributes:
        held: products without photos.
        training: photos of the others, by product.
        queries: what is asked.
    """

    held: frozenset[int]
    training: dict[int, tuple[int, ...]]
    queries: tuple[Query, ...]

    def bank(self, bank: FeatureBank) -> FeatureBank:
        """The bank with no more pictures than the fold allows.

        Degraded clips are left out: their frames are made from photos that queries use.
        """
        shots = tuple((product, "photo", rows) for product, rows in sorted(self.training.items()))
        other = tuple(shot for shot in bank.shots if shot[1] not in ("photo", "clip"))
        return replace(bank, shots=shots + other)


def leave_products_out(
    bank: FeatureBank, groups: Sequence[str], *, seed: int, folds: int = 4, repeats: int = 4
) -> Iterator[Fold]:
    """All folds of one partition; every product with photos is held out in one of them.

    Args:
        bank: with a ``photo`` shot for each product that has photos.
        groups: look-alike group of every product; siblings are dealt to different folds.
        seed: of partition and queries.
        folds: how many parts.
        repeats: queries of each product and group.
    """
    photos = {product: rows for product, source, rows in bank.shots if source == "photo"}
    parts = _dealt(sorted(photos), groups, np.random.default_rng([seed, 41]), folds)
    for number, part in enumerate(parts):
        rng = np.random.default_rng([seed, number, 43])
        yield _fold(bank, photos, frozenset(part), rng, repeats)


def _dealt(
    products: Sequence[int], groups: Sequence[str], rng: np.random.Generator, folds: int
) -> list[list[int]]:
    """Products group by group, dealt round."""
    order = rng.permutation(np.array(products))
    dealt = sorted(order.tolist(), key=lambda product: groups[product])
    return [dealt[part::folds] for part in range(folds)]


def _fold(
    bank: FeatureBank,
    photos: dict[int, tuple[int, ...]],
    held: frozenset[int],
    rng: np.random.Generator,
    repeats: int,
) -> Fold:
    training: dict[int, tuple[int, ...]] = {}
    queries: list[Query] = []
    for product, rows in photos.items():
        if product in held:
            queries += _queries(product, rows, "held", rng, repeats)
            continue
        hard = _cluster(bank, rows, rng)
        rest = [row for row in rows if row not in hard]
        cut = max(1, round(len(rest) * (1 - EASY)))
        training[product] = tuple(rest[:cut])
        queries += _queries(product, rest[cut:], "easy", rng, repeats)
        queries += _queries(product, sorted(hard), "hard", rng, repeats)
    return Fold(held, training, tuple(queries))


def _queries(
    product: int, rows: Sequence[int], group: str, rng: np.random.Generator, repeats: int
) -> list[Query]:
    if not rows:
        return []
    drawn = [rng.choice(len(rows), min(8, len(rows)), replace=False) for _ in range(repeats)]
    return [Query(product, tuple(rows[int(i)] for i in some), group) for some in drawn]


def _cluster(bank: FeatureBank, rows: Sequence[int], rng: np.random.Generator) -> set[int]:
    """Photos of one product that are alike."""
    from scipy.cluster.vq import kmeans2

    features = bank.frames.cls[torch.tensor(rows)].float().numpy()
    features = features / np.maximum(np.linalg.norm(features, axis=1, keepdims=True), 1e-6)
    _, labels = kmeans2(
        features, min(CLUSTERS, len(rows)), minit="++", seed=rng, missing="warn", iter=20
    )
    sizes = np.bincount(labels, minlength=CLUSTERS)
    chosen = int(rng.choice(len(sizes), p=sizes / sizes.sum()))
    if sizes[chosen] > LARGEST * len(rows):
        chosen = int(np.argsort(-sizes)[1])
    return {rows[int(i)] for i in np.flatnonzero(labels == chosen)}
