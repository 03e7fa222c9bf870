"""A catalog's words, and how well a text that was heard fits each product's."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from runtime.lexical.postings import Counts, Postings, Weights

FloatArray = npt.NDArray[np.float32]

SURE = 0.9
"""Likeness from which on two spellings may be one word misheard (chosen on GroceryLPR)."""

SATURATION, LENGTH = 1.2, 0.75
"""BM25's k1 and b."""

REMEMBERED = 4096
"""Words whose likenesses are kept; a transcript grows by a few words a second."""

# Clitics would be words of a letter or two, which fit sizes ("S") and kinds ("T-shirt").
_CLITIC = re.compile(r"['\u2019](?:s|t|re|ve|ll|d|m)\b")
_WORD = re.compile(r"\d+(?:[.,]\d+)*|[^\W\d_][^\W_]*")
_STOP_WORDS = """
a an and are as at be been but by can could do does for from had has have he her here hers him his
how i if in into is it its just let like me more most my no nor not of off on one only or other
our out over own same she so some such than that the their them then there these they this those
to too up us very was we well were what when where which while who whom why will with you your
"""
_STOP = frozenset(_STOP_WORDS.split())


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
        self._vocabulary = sorted(set().union(*texts))
        self._sounds = [sound(word) for word in self._vocabulary]
        place = {word: i for i, word in enumerate(self._vocabulary)}
        named, written = (
            Counts.of([[place[w] for w in text] for text in some], len(place))
            for some in (titles, texts)
        )
        rarity = _rarities(written)
        self._titles = Postings.of(named, _shares(named, rarity))
        self._abouts = Postings.of(written, _bm25(written, rarity))
        self._known: dict[str, dict[int, float]] = {}

    def evidence(self, text: str) -> WordEvidence:
        """Match a text against all products; no words fit nothing."""
        heard = self._heard(text)
        return WordEvidence(self._titles.total(heard), self._abouts.total(heard))

    def _heard(self, text: str) -> dict[int, float]:
        """For words of the vocabulary that may have been heard, how surely, up to 1."""
        spoken = words(text)
        # Recognisers split rare words: "brave oh" is "bravo".
        joined = [a + b for a, b in pairwise(spoken)]
        wanted = list(dict.fromkeys([*spoken, *joined]))
        self._learn(wanted)
        heard: dict[int, float] = {}
        for word in wanted:
            for i, sure in self._known[word].items():
                heard[i] = max(sure, heard.get(i, 0.0))
        return heard

    def _learn(self, wanted: Sequence[str]) -> None:
        """Know for every word which words of the vocabulary it may be, and how surely."""
        fresh = [word for word in wanted if word not in self._known]
        if len(self._known) + len(fresh) > REMEMBERED:
            self._known.clear()
            fresh = list(wanted)
        if not fresh or not self._vocabulary:
            self._known.update({word: {} for word in fresh})
            return
        for word, row in zip(fresh, self._alike(fresh), strict=True):
            # A number misheard is another number: only the same one is meant.
            near = np.flatnonzero(row >= 1 if _has_digit(word) else row > SURE)
            self._known[word] = {int(i): float((row[i] - SURE) / (1 - SURE)) for i in near}

    def _alike(self, fresh: Sequence[str]) -> FloatArray:
        """Likeness to the vocabulary by spelling, or by spelling and sound: [fresh, W], up to 1."""
        from rapidfuzz.distance import JaroWinkler
        from rapidfuzz.process import cdist

        likeness = JaroWinkler.similarity
        spelt = cdist(fresh, self._vocabulary, scorer=likeness, dtype=np.float32)
        sounds = [sound(word) for word in fresh]
        heard = cdist(sounds, self._sounds, scorer=likeness, dtype=np.float32)
        return np.asarray(np.maximum(spelt, (spelt + heard) / 2), np.float32)


def words(text: str) -> list[str]:
    """Lower-case words and numbers, without words that carry no content."""
    plain = _CLITIC.sub("", unicodedata.normalize("NFKC", text).lower())
    return [w.replace(",", ".") for w in _WORD.findall(plain) if w not in _STOP]


def sound(word: str) -> str:
    """How a word sounds in English, roughly (Metaphone); itself where that knows nothing of it."""
    from jellyfish import metaphone

    # Numbers and other scripts have no code, and two empty codes would be alike.
    code: str = metaphone(word)
    return code or word


def _has_digit(word: str) -> bool:
    return any(map(str.isdigit, word))


def _rarities(written: Counts) -> Weights:
    """Of every word: [W], above 0."""
    having = written.having()
    return np.log1p((written.texts - having + 0.5) / (having + 0.5))


def _shares(named: Counts, rarity: Weights) -> Weights:
    """How much of a title each of its words is; the shares of a title sum to one."""
    weights = rarity[named.places]
    return weights / named.sums(weights)[named.rows]


def _bm25(written: Counts, rarity: Weights) -> Weights:
    times, lengths = written.times, written.sums(written.times)
    mean = max(1e-6, lengths.sum() / max(1, written.texts))
    norm = SATURATION * (1 - LENGTH + LENGTH * lengths / mean)[written.rows]
    weights: Weights = rarity[written.places] * times * (SATURATION + 1) / (times + norm)
    return weights
