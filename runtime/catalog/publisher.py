"""From the network's own vectors to those of a snapshot: the step at publish time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from runtime.bundle.manifest import PublishRule
from runtime.catalog.catalog import FloatArray, Item, ItemVectors
from runtime.errors import CatalogError

EPSILON = 1e-6


@dataclass(frozen=True)
class PublishedVectors:
    """What a snapshot holds of all items, in order of id.

    Attributes:
        items: float32 [N, V], searched by inner product with a query.
        nodes: float32 [N, M, G], for the second stage.
    """

    items: FloatArray
    nodes: FloatArray


class Publisher(Protocol):
    """Decides what is published of items and their photos.

    It sees the whole catalog at every publish, so what it makes of one item may depend on others.
    The same input must give the same output, bit for bit: snapshots are named by their content.
    """

    def publish(
        self,
        items: Sequence[Item],
        vectors: Sequence[ItemVectors],
        photos: Mapping[str, FloatArray],
    ) -> PublishedVectors:
        """Make the vectors of a snapshot.

        Args:
            items: N items in order of id.
            vectors: what the network made of each; all of one shape, finite.
            photos: by id, for items with photos alone: float32 [n, visual], n >= 1, finite, a row
                a photo as `PhotoVector` has it, in an order that does not depend on history.

        Returns:
            Finite vectors in the order of the items.
        """


class PhotoPublisher:
    """Photos take the place of the shop image, and other items get a bias that makes up for it.

    Camera frames resemble photos more than they resemble shop images, so that among items with
    photos one without would always lose (measured: 11 % of such products found without a bias).

    - The visual half of an item with photos is the unit mean of its photos' unit vectors, mixed
      with the network's own vector, which also knows how products look when small or covered.
    - An item without photos gets a bias, the smaller the more it resembles one that has them:
      resemblance draws queries from the other. Where no item has photos, all biases are zero.

    The first-stage vector is [visual; bias; text]; texts and nodes are as the network gave them.

    Args:
        rule: the constants, of the bundle.
    """

    def __init__(self, rule: PublishRule) -> None:
        self._rule = rule

    def publish(
        self,
        items: Sequence[Item],
        vectors: Sequence[ItemVectors],
        photos: Mapping[str, FloatArray],
    ) -> PublishedVectors:
        """See `Publisher.publish`."""
        published = stacked(vectors)
        rows = [row for row, item in enumerate(items) if item.id in photos]
        if not rows:
            return published
        size = photos[items[rows[0]].id].shape[1]
        visual = published.items[:, :size]
        for row in rows:
            mean = _unit(photos[items[row].id]).mean(axis=0)
            share = self._rule.memory_share
            visual[row] = _unit((1 - share) * _unit(mean) + share * visual[row])
        rest = np.setdiff1d(np.arange(len(items)), rows)
        published.items[rest, size] = self._biases(visual[rest], visual[rows])
        return published

    def _biases(self, without: FloatArray, photographed: FloatArray) -> FloatArray:
        rule = self._rule
        nearest = (without @ photographed.T).max(axis=1)
        above = np.maximum(nearest, rule.least) - rule.usual
        return np.asarray(rule.bonus - rule.hubness * above, np.float32)


PHOTO_PUBLISHER = PhotoPublisher(PublishRule())
"""The publisher where none is given."""


def stacked(vectors: Sequence[ItemVectors]) -> PublishedVectors:
    """The network's vectors as they are, copied; all must be of one shape."""
    if not vectors:
        return PublishedVectors(np.zeros((0, 0), np.float32), np.zeros((0, 0, 0), np.float32))
    return PublishedVectors(
        np.stack([v.item for v in vectors]).astype(np.float32, copy=False),
        np.stack([v.nodes for v in vectors]).astype(np.float32, copy=False),
    )


def check_published(made: PublishedVectors, count: int) -> None:
    """Hold a publisher to its promise.

    Args:
        made: what it made.
        count: number of items.

    Raises:
        CatalogError: a value is infinite or not a number.
    """
    if len(made.items) != count or len(made.nodes) != count:
        raise ValueError(f"the publisher made {len(made.items)} of {count} items")
    if not (np.isfinite(made.items).all() and np.isfinite(made.nodes).all()):
        raise CatalogError(
            "the catalog cannot be published",
            why="the vectors to publish are not finite numbers",
            fix="run: sgmn bundle verify",
        )


def _unit(values: FloatArray) -> FloatArray:
    length = np.linalg.norm(values, axis=-1, keepdims=True)
    return np.asarray(values / np.maximum(length, EPSILON), np.float32)
