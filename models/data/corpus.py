"""What every data set becomes: products, presentations of them and sentences about them.

The one type between loaders on one side, training and evaluation on the other. Pictures are
functions, called when a picture is needed, because no data set fits into memory.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from types import MappingProxyType
from typing import Literal

import numpy as np
import numpy.typing as npt

from runtime.text import item_text

Picture = Callable[[], npt.NDArray[np.uint8]]
"""Loads or draws one uint8 [H, W, 3] BGR picture."""

Split = Literal["train", "val", "test"]


@dataclass(frozen=True)
class CorpusItem:
    """One product of a catalog.

    Attributes:
        key: unique in the corpus, e.g. ``grocery/gro-045``.
        title: of the catalog; may be empty, the item then has no text.
        description: of the catalog.
        kind: what a salesperson calls such a product ("milk").
        group: products of one group are look-alikes.
        image: the shop picture.
        views: further shop pictures.
    """

    key: str
    title: str
    description: str
    kind: str
    group: str
    image: Picture
    views: tuple[Picture, ...] = ()

    @property
    def text(self) -> str:
        """Title and description as the text encoder reads them; empty where there is neither."""
        return item_text(self.title, self.description)


@dataclass(frozen=True)
class Speech:
    """What was said in a presentation; None where it is not known.

    Attributes:
        clean: the words spoken.
        heard: the words as a recogniser heard them.
        kind: what the words tell: named, partial or chat.
    """

    clean: str | None = None
    heard: str | None = None
    kind: str | None = None


@dataclass(frozen=True)
class Shot:
    """One presentation: pictures of one product that may stand together in one query.

    Attributes:
        item: index of the product.
        source: ``photo``, ``clip``, ``store``, ``take``, ``cutout`` or ``view``.
        pictures: in order of time where there is one; at least one, none in `Corpus.lost`.
        key: names the presentation, e.g. a clip's id; empty where nothing asks for it.
        also: further products that are right answers, too; never negatives (publication B9).
        times_s: seconds of each picture since the first; empty where unknown.
        speech: what was said.
        domain: department, empty where unknown.
        split: which part of its data set it belongs to.
        gallery: the key in `Corpus.galleries` of the shelf that is searched; empty for all items.
        conditions: labels that tell why it is hard, e.g. ``{"scale": "small"}``.
    """

    item: int
    source: str
    pictures: Sequence[Picture]
    key: str = ""
    also: tuple[int, ...] = ()
    times_s: tuple[float, ...] = ()
    speech: Speech = Speech()
    domain: str = ""
    split: Split = "train"
    gallery: str = ""
    conditions: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))

    @property
    def right(self) -> tuple[int, ...]:
        """Every product that is a right answer, ``item`` first."""
        return (self.item, *self.also)


@dataclass(frozen=True)
class Corpus:
    """Everything that training draws from, or that evaluation asks.

    Attributes:
        items: the products.
        shots: presentations of them.
        sentences: (index of the product, what is said).
        digest: identifies the data and how it was drawn.
        galleries: shelves by name, each the indices of its items; an item may stand in several.
        lost: presentations of which no picture is there. Never trained on; in evaluation they stay
            in the denominator as failures (publication B10).
    """

    items: tuple[CorpusItem, ...]
    shots: tuple[Shot, ...]
    sentences: tuple[tuple[int, str], ...]
    digest: str
    galleries: Mapping[str, tuple[int, ...]] = field(default_factory=lambda: MappingProxyType({}))
    lost: tuple[Shot, ...] = ()

    @property
    def asked(self) -> tuple[Shot, ...]:
        """Every presentation that an evaluation counts, the lost ones last."""
        return (*self.shots, *self.lost)

    def shelf(self, shot: Shot) -> tuple[int, ...]:
        """Indices of the items that a presentation is searched in."""
        return self.galleries[shot.gallery] if shot.gallery else tuple(range(len(self.items)))

    @cached_property
    def shown(self) -> dict[int, tuple[int, ...]]:
        """Indices of the shots of every product that has any."""
        found: dict[int, list[int]] = {}
        for number, shot in enumerate(self.shots):
            found.setdefault(shot.item, []).append(number)
        return {item: tuple(shots) for item, shots in found.items()}

    @cached_property
    def photographed(self) -> tuple[int, ...]:
        """Products that have a shot."""
        return tuple(self.shown)

    @cached_property
    def spoken(self) -> dict[int, tuple[str, ...]]:
        """Sentences about every product that has any."""
        found: dict[int, list[str]] = {}
        for item, text in self.sentences:
            found.setdefault(item, []).append(text)
        return {item: tuple(texts) for item, texts in found.items()}

    @cached_property
    def groups(self) -> dict[str, tuple[int, ...]]:
        """Products by look-alike group."""
        found: dict[str, list[int]] = {}
        for number, item in enumerate(self.items):
            found.setdefault(item.group, []).append(number)
        return {group: tuple(items) for group, items in found.items()}

    def siblings(self, right: Collection[int]) -> tuple[int, ...]:
        """Look-alikes of some products that are right answers; none of those is among them."""
        groups = dict.fromkeys(self.items[item].group for item in right)
        return tuple(i for group in groups for i in self.groups[group] if i not in right)
