"""What training sees, whatever its source: products, shots of them and sentences about them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Picture = Callable[[], npt.NDArray[np.uint8]]
"""Loads or draws one uint8 BGR picture when it is needed; corpora do not fit into memory."""


@dataclass(frozen=True)
class CorpusItem:
    """One product of a catalog.

    Attributes:
        key: unique in the corpus, e.g. ``grocery/gro-045``.
        title: of the catalog.
        description: of the catalog.
        kind: what a salesperson calls such a product ("milk").
        group: products of one group are look-alikes.
        image: the shop picture.
    """

    key: str
    title: str
    description: str
    kind: str
    group: str
    image: Picture


@dataclass(frozen=True)
class Shot:
    """Pictures of one product that may stand together in one query.

    Attributes:
        item: index of the product.
        source: ``photo``, ``clip``, ``store`` or ``cutout``.
        pictures: at least one.
    """

    item: int
    source: str
    pictures: tuple[Picture, ...]


@dataclass(frozen=True)
class Corpus:
    """Everything training draws from.

    Attributes:
        items: the products.
        shots: pictures of products as a camera sees them.
        sentences: (index of the product, what is said).
        digest: identifies the data and how it was drawn.
    """

    items: tuple[CorpusItem, ...]
    shots: tuple[Shot, ...]
    sentences: tuple[tuple[int, str], ...]
    digest: str
