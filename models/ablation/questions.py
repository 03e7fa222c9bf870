"""What a study asks of a network, and how often it is right."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch

from models.ablation.folds import Query
from models.ablation.shelf import Sentence, Shelf, ask
from models.data.corpus import Corpus
from models.sgmn import Sgmn
from models.training.bank import FeatureBank
from models.training.validation import strictly_first

KINDS = {"named": 0.55, "partial": 0.25, "chat": 0.2}
"""Shares of what salespeople say, as in GroceryLPR."""


@dataclass(frozen=True)
class Speech:
    """Sentences of one corpus.

    Attributes:
        sentences: encoded.
        by_product: numbers of a product's sentences by kind.
        chatter: numbers of those that name nothing, whatever the product.
    """

    sentences: Sequence[Sentence]
    by_product: Mapping[int, Mapping[str, Sequence[int]]]
    chatter: Sequence[int]

    def draw(self, product: int, rng: np.random.Generator) -> tuple[Sentence | None, str]:
        """A sentence for a product, and its kind; each kind as often as salespeople use it.

        None where the corpus has nothing that fits.
        """
        kind = str(rng.choice(list(KINDS), p=list(KINDS.values())))
        own = self.by_product.get(product, {})
        rows = self.chatter if kind == "chat" else own.get(kind) or _any(own) or self.chatter
        if not rows:
            return None, kind
        return self.sentences[int(rng.choice(np.array(rows)))], kind


def sorted_speech(corpus: Corpus, encoded: Mapping[str, Sentence]) -> Speech:
    """What was heard with a corpus's shots, each sentence once.

    Args:
        corpus: with speech at its shots.
        encoded: by text.
    """
    sentences: list[Sentence] = []
    by_product: dict[int, dict[str, list[int]]] = {}
    chatter: list[int] = []
    for shot in corpus.shots:
        text, kind = shot.speech.heard, shot.speech.kind
        if text is None or kind is None:
            continue
        if kind == "chat":
            chatter.append(len(sentences))
        else:
            by_product.setdefault(shot.item, {}).setdefault(kind, []).append(len(sentences))
        sentences.append(encoded[text])
    return Speech(sentences, by_product, chatter)


def hits(
    network: Sgmn,
    bank: FeatureBank,
    shelf: Shelf,
    queries: Sequence[Query],
    said: Sequence[Sentence | None],
) -> np.ndarray[tuple[int], np.dtype[np.float32]]:
    """1 for each query whose product comes first, ties counting as wrong: float32 [Q]."""
    scores = ask(network, bank, shelf, [query.frames for query in queries], said)
    right = torch.tensor([query.product for query in queries])
    return strictly_first(scores, right).numpy()


def _any(own: Mapping[str, Sequence[int]]) -> list[int]:
    return [row for rows in own.values() for row in rows]
