"""The catalog protocol and the types that cross it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Item:
    """One product as the feed gives it.

    Attributes:
        id: unique in the catalog, 1 to 50 characters.
        title: name shown on the screen.
        description: may be empty.
        image: path of the shop image inside the catalog folder or feed.
        group: look-alike group (``item_group_id``), may be empty.
        attributes: the feed's other columns.
    """

    id: str
    title: str
    description: str
    image: Path
    group: str = ""
    attributes: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class ItemVectors:
    """What the network made of one item.

    Attributes:
        item: float32 [V], first-stage vector.
        nodes: float32 [M, G], second-stage nodes.
    """

    item: FloatArray
    nodes: FloatArray


@dataclass(frozen=True)
class PhotoVector:
    """What the network made of one photo that a shop added to an item.

    The query head's answer to that photo as the only camera frame of a clip without words.

    Attributes:
        vector: float32 [visual], the visual part of a first-stage vector [V], which comes first.
    """

    vector: FloatArray


@dataclass(frozen=True)
class Hit:
    """A search result: row in the snapshot, product, and its inner product with the query."""

    row: int
    item: Item
    score: float


@dataclass(frozen=True)
class CatalogStats:
    """Figures of a catalog.

    Attributes:
        items: number of products.
        snapshot: name of the live snapshot.
        bundle: digest of the bundle that encoded it.
        size_bytes: on disk.
        photos: number of photos added to products.
    """

    items: int
    snapshot: str
    bundle: str
    size_bytes: int
    photos: int = 0


@runtime_checkable
class CatalogReader(Protocol):
    """Products that can be searched: what a match needs of a catalog."""

    @property
    def snapshot(self) -> str:
        """Names what is searched; another name means other rows."""

    def search(self, query: FloatArray, k: int, prior: FloatArray | None = None) -> list[Hit]:
        """The k items of highest inner product, best first; ties in order of id. Exact.

        Args:
            query: float32 [V], or a beginning of it: the rest counts as zero.
            k: at least 1; fewer hits come back from a smaller catalog.
            prior: float32 [N], added to the scores of all items in order of id.
        """

    def scores(self, part: FloatArray, start: int) -> FloatArray:
        """Inner product of every item with a part of a query: float32 [N] in order of id.

        Args:
            part: float32, the query from ``start`` on.
            start: its place in the vector.
        """

    def vectors(self, rows: Sequence[int]) -> tuple[FloatArray, FloatArray]:
        """Item vectors [K, V] and nodes [K, M, G] of snapshot rows, in the order asked."""

    def items(self) -> list[Item]:
        """All published items in order of id."""


@runtime_checkable
class Catalog(CatalogReader, Protocol):
    """Products and their vectors. Reads see the published snapshot only."""

    def upsert(self, items: Iterable[tuple[Item, ItemVectors]]) -> int:
        """Stage new or changed items; returns how many. Nothing is visible before `publish`.

        The photos of a changed item stay with it.
        """

    def delete(self, ids: Iterable[str]) -> int:
        """Stage removals, photos included; returns how many of the ids existed."""

    def enrol(self, item_id: str, photos: Iterable[tuple[Path, PhotoVector]]) -> int:
        """Stage photos for an item beside those it has; returns how many it did not have yet.

        Photos are told apart by their bytes.

        Raises:
            CatalogError: there is no such item, published or staged.
        """

    def forget(self, item_id: str) -> int:
        """Stage the removal of all photos of an item; returns how many it had.

        Raises:
            CatalogError: there is no such item, published or staged.
        """

    def publish(self) -> str:
        """Make everything staged visible at once; returns the new snapshot's name."""

    def rollback(self) -> str:
        """Go back to the snapshot before the live one; returns its name.

        Raises:
            CatalogError: there is no earlier snapshot.
        """

    def get(self, item_id: str) -> Item | None:
        """The published item, or None."""

    def photos(self) -> dict[str, tuple[Path, ...]]:
        """The published photos of every item that has any, in an order of their own."""

    def stats(self) -> CatalogStats:
        """Figures of the published snapshot."""

    def close(self) -> None:
        """Free files and memory; legal in every state."""
