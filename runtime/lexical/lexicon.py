"""A catalog's words, and how well a text that was heard fits each product's."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from runtime.lexical.postings import Postings

FloatArray = npt.NDArray[np.float32]

SURE = 0.9
"""Likeness from which on two spellings may be one word misheard (chosen on GroceryLPR)."""

SATURATION, LENGTH = 1.2, 0.75
"""BM25's k1 and b."""

REMEMBERED = 4096
"""Words whose likenesses are kept; a transcript grows by a few words a second."""

_WORD = re.compile(r"[^\W_]+")
_STOP = frozenset(
    [
        "a",
        "an",
        "and",
        "are",
        "as",
        "at",
        "be",
        "been",
        "but",
        "by",
        "can",
        "could",
        "do",
        "does",
        "for",
        "from",
        "had",
        "has",
        "have",
        "he",
        "her",
        "here",
        "hers",
        "him",
        "his",
        "how",
        "i",
        "if",
        "in",
        "into",
        "is",
        "it",
        "its",
        "just",
        "let",
        "like",
        "me",
        "more",
        "most",
        "my",
        "no",
        "nor",
        "not",
        "of",
        "off",
        "on",
        "one",
        "only",
        "or",
        "other",
        "our",
        "out",
        "over",
        "own",
        "same",
        "she",
        "so",
        "some",
        "such",
        "than",
        "that",
        "the",
        "their",
        "them",
        "then",
        "there",
        "these",
        "they",
        "this",
        "those",
        "to",
        "too",
        "up",
        "us",
        "very",
        "was",
        "we",
        "well",
        "were",
        "what",
        "when",
        "where",
        "which",
        "while",
        "who",
        "whom",
        "why",
        "will",
        "with",
        "you",
        "your",
    ]
)


@dataclass(frozen=True)
class ProductText:
    """The words of one product.

    Attributes:
        title: its name.
        about: everything else said of it.
    """

    title: str
    about: str


@dataclass(frozen=True)
class WordEvidence:
    """How well a text fits each product; float32 [N] each.

    Attributes:
        title: part of the title that was heard, 0 to 1, rare words counting more.
        about: BM25 over title, which counts twice, and description; at least 0.
    """

    title: FloatArray
    about: FloatArray


class Lexicon:
    """The words of a catalog's N products."""

    def __init__(self, products: Sequence[ProductText]) -> None:
        titles = [words(p.title) for p in products]
        texts = [[*t, *t, *words(p.about)] for t, p in zip(titles, products, strict=True)]
        self._vocabulary = sorted({word for text in texts for word in text})
        self._sounds = [sound(word) for word in self._vocabulary]
        place = {word: i for i, word in enumerate(self._vocabulary)}
        rarity = _rarities(texts)
        self._titles = Postings.of(
            [{place[w]: x for w, x in _shares(title, rarity).items()} for title in titles],
            len(place),
        )
        self._abouts = Postings.of(
            [{place[w]: x for w, x in found.items()} for found in _bm25(texts, rarity)],
            len(place),
        )
        self._known: dict[str, dict[int, float]] = {}

    def evidence(self, text: str) -> WordEvidence:
        """Match a text against all products; no words fit nothing."""
        heard = self._heard(text)
        return WordEvidence(self._titles.total(heard), self._abouts.total(heard))

    def _heard(self, text: str) -> dict[int, float]:
        """For words of the vocabulary that may have been heard, how surely, up to 1."""
        spoken = words(text)
        # Recognisers split rare words: "brave oh" is "bravo".
        joined = [a + b for a, b in zip(spoken, spoken[1:], strict=False)]
        wanted = list(dict.fromkeys([*spoken, *joined]))
        self._learn([word for word in wanted if word not in self._known])
        heard: dict[int, float] = {}
        for word in wanted:
            for i, sure in self._known[word].items():
                heard[i] = max(sure, heard.get(i, 0.0))
        return heard

    def _learn(self, fresh: Sequence[str]) -> None:
        """Compare words with the vocabulary, by spelling and by spelling and sound together."""
        from rapidfuzz.distance import JaroWinkler
        from rapidfuzz.process import cdist

        if len(self._known) + len(fresh) > REMEMBERED:
            self._known.clear()
        if not fresh or not self._vocabulary:
            self._known.update({word: {} for word in fresh})
            return
        spelt = cdist(fresh, self._vocabulary, scorer=JaroWinkler.similarity, dtype=np.float32)
        sounds = [sound(word) for word in fresh]
        alike = cdist(sounds, self._sounds, scorer=JaroWinkler.similarity, dtype=np.float32)
        alike = np.maximum(spelt, (spelt + alike) / 2)
        for word, row in zip(fresh, alike, strict=True):
            near = np.flatnonzero(row > SURE)
            self._known[word] = {int(i): float((row[i] - SURE) / (1 - SURE)) for i in near}


def words(text: str) -> list[str]:
    """Lower-case words without those that carry no content."""
    return [w for w in _WORD.findall(text.lower()) if w not in _STOP]


def sound(word: str) -> str:
    """How a word sounds in English, roughly (Metaphone); empty for numbers."""
    from jellyfish import metaphone

    code: str = metaphone(word)
    return code


def _rarities(texts: Sequence[Sequence[str]]) -> dict[str, float]:
    having = Counter(word for text in texts for word in set(text))
    return {w: math.log1p((len(texts) - n + 0.5) / (n + 0.5)) for w, n in having.items()}


def _shares(title: Sequence[str], rarity: Mapping[str, float]) -> dict[str, float]:
    """How much of a title each of its words is; the shares sum to one."""
    total = sum(rarity[word] for word in set(title))
    return {word: rarity[word] / total for word in sorted(set(title))} if total > 0 else {}


def _bm25(texts: Sequence[Sequence[str]], rarity: Mapping[str, float]) -> list[dict[str, float]]:
    mean = sum(map(len, texts)) / max(1, len(texts))
    found = []
    for text in texts:
        norm = SATURATION * (1 - LENGTH + LENGTH * len(text) / max(mean, 1e-6))
        counts = Counter(text)
        found.append(
            {w: rarity[w] * n * (SATURATION + 1) / (n + norm) for w, n in sorted(counts.items())}
        )
    return found
