"""Asking the runtime for every presentation of a corpus, each on its own shelf."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np
import numpy.typing as npt

from models.data.corpus import Corpus, CorpusItem, Shot
from models.evaluation.protocols.published import Scope, galleries, gallery_of
from runtime.catalog.catalog import FloatArray, Hit, Item
from runtime.catalog.importer import BATCH, Progress
from runtime.catalog.search import best_rows
from runtime.errors import InputError
from runtime.matcher import Matcher
from runtime.network import Network
from runtime.preprocess import letterbox
from runtime.sampler import spread


@dataclass(frozen=True)
class Asked:
    """What the runtime answered.

    Attributes:
        answers: by presentation the score of every item of its shelf, by key.
        failures: why a presentation has no answer.
    """

    answers: Mapping[str, Mapping[str, float]]
    failures: Mapping[str, str]


@dataclass(frozen=True)
class EncodedItems:
    """A corpus's items after the network, row for row.

    Attributes:
        items: float32 [N, V].
        nodes: float32 [N, M, G].
    """

    items: FloatArray
    nodes: FloatArray


class ItemShelf:
    """Some items of a corpus as a `runtime.catalog.catalog.CatalogReader`, in memory alone.

    Args:
        corpus: the items.
        encoded: all of them.
        chosen: indices of the shelf's items.
    """

    def __init__(self, corpus: Corpus, encoded: EncodedItems, chosen: Sequence[int]) -> None:
        rows = sorted(dict.fromkeys(chosen), key=lambda i: corpus.items[i].key)
        self._items = [_named(corpus.items[i]) for i in rows]
        self._vectors = encoded.items[rows]
        self._nodes = encoded.nodes[rows]

    @property
    def snapshot(self) -> str:
        """As `runtime.catalog.catalog.CatalogReader.snapshot`; a shelf never changes."""
        return "shelf"

    def search(self, query: FloatArray, k: int, prior: FloatArray | None = None) -> list[Hit]:
        """As `runtime.catalog.catalog.CatalogReader.search`."""
        scores = self._vectors[:, : len(query)] @ query
        scores = scores if prior is None else scores + prior
        return [Hit(int(r), self._items[r], float(scores[r])) for r in best_rows(scores, k)]

    def scores(self, part: FloatArray, start: int) -> FloatArray:
        """As `runtime.catalog.catalog.CatalogReader.scores`."""
        found: FloatArray = self._vectors[:, start : start + len(part)] @ part
        return found

    def vectors(self, rows: Sequence[int]) -> tuple[FloatArray, FloatArray]:
        """As `runtime.catalog.catalog.CatalogReader.vectors`."""
        chosen = list(rows)
        return self._vectors[chosen], self._nodes[chosen]

    def items(self) -> list[Item]:
        """As `runtime.catalog.catalog.CatalogReader.items`."""
        return list(self._items)


def encode_items(network: Network, corpus: Corpus, progress: Progress) -> EncodedItems:
    """Encode every item once, as an import does; an item stands on many shelves.

    Raises:
        InputError: a shop picture cannot be read; without it the gallery would be another one.
    """
    vectors, nodes = [], []
    shown = progress(corpus.items, label="Encoding items", total=len(corpus.items))
    while batch := list(islice(shown, BATCH)):
        squares = [letterbox(i.image(), network.image_size, antialias=True) for i in batch]
        texts = [(item.title, item.description) for item in batch]
        for found in network.encode_items(np.stack(squares), texts):
            vectors.append(found.item)
            nodes.append(found.nodes)
    return EncodedItems(np.stack(vectors), np.stack(nodes))


def ask(
    network: Network, corpus: Corpus, encoded: EncodedItems, scope: Scope, progress: Progress
) -> Asked:
    """Rank each presentation's shelf by the path a kiosk takes.

    Frames are chosen by `runtime.sampler.spread`. A presentation whose pictures cannot be read is a
    failure with its reason, not an error: one broken video of thousands must not end the run.

    Args:
        network: open.
        corpus: its lost presentations are failures.
        encoded: of `encode_items`.
        scope: what each presentation is searched in.
        progress: shows progress.
    """
    answers: dict[str, dict[str, float]] = {}
    failures = {shot.key: "none of its pictures is there" for shot in corpus.lost}
    shelves = galleries(corpus, scope)
    # Shelf by shelf, so that one is in memory at a time.
    shots = sorted(corpus.shots, key=lambda shot: gallery_of(shot, scope))
    matcher: tuple[str, Matcher] | None = None
    for shot in progress(shots, label="Asking for clips", total=len(shots)):
        name = gallery_of(shot, scope)
        if matcher is None or matcher[0] != name:
            matcher = name, Matcher(network, ItemShelf(corpus, encoded, shelves[name]))
        try:
            pictures = _pictures(shot, network.frames)
        except InputError as error:
            failures[shot.key] = f"{error.what}: {error.why}"
            continue
        ranking = matcher[1].rank_clip(pictures, shot.speech.heard or "")
        answers[shot.key] = dict(zip(ranking.ids, ranking.scores.tolist(), strict=True))
    return Asked(answers, failures)


def _pictures(shot: Shot, frames: int) -> list[npt.NDArray[np.uint8]]:
    return [shot.pictures[i]() for i in spread(len(shot.pictures), frames)]


def _named(item: CorpusItem) -> Item:
    return Item(item.key, item.title, item.description, Path(), item.group)
