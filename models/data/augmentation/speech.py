"""What reaches the network of a sentence: nothing, another's words, or words half understood."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Annotated, Literal

import numpy as np
from pydantic import Field

from models.data.corpus import Corpus
from models.data.sentences import CHATTER, misheard

Chance = Annotated[float, Field(ge=0, le=1)]
Fate = Literal["said", "missing", "wrong", "chatter"]

NOTHING: Mapping[str, Sequence[str]] = MappingProxyType({})


@dataclass(frozen=True)
class SpeechStrengths:
    """How often speech fails, and how.

    The first three exclude one another; what they leave is the sentence as it was said.

    Attributes:
        missing: chance of no speech at all.
        wrong: chance of a sentence about a look-alike.
        chatter: chance of a sentence that tells nothing.
        recognised: chance of what a real recogniser made of the sentence, where that is known.
        misheard: chance of errors by rule, otherwise.
        rate: how many words the rule spoils.
    """

    missing: Chance = 0.3
    wrong: Chance = 0.05
    chatter: Chance = 0.1
    recognised: Chance = 0.5
    misheard: Chance = 0.5
    rate: Chance = 0.12


@dataclass(frozen=True)
class Heard:
    """A sentence after its way through a store.

    Attributes:
        text: the words; empty for silence.
        fate: what became of the sentence; the words of a wrong one speak for another product.
    """

    text: str
    fate: Fate


def spoil(
    sentence: str,
    others: Sequence[str],
    rng: np.random.Generator,
    strengths: SpeechStrengths | None = None,
    recognised: Mapping[str, Sequence[str]] = NOTHING,
) -> Heard:
    """Let a sentence fail by chance.

    Args:
        sentence: as it was said.
        others: of `wrong_sentences`; without any, none is wrong.
        rng: source of randomness.
        strengths: how often, the defaults if None.
        recognised: what a recogniser made of sentences, see `models.data.recognised`.
    """
    strong = strengths or SpeechStrengths()
    fate = _fate(strong, rng.random())
    if fate == "missing":
        return Heard("", fate)
    if fate == "chatter":
        sentence = CHATTER[int(rng.integers(len(CHATTER)))]
    if fate == "wrong":
        if others:
            sentence = others[int(rng.integers(len(others)))]
        else:
            fate = "said"
    return Heard(_understood(sentence, rng, strong, recognised), fate)


def wrong_sentences(corpus: Corpus, right: Collection[int]) -> list[str]:
    """Sentences about look-alikes of the products that are right, and never about those."""
    return [text for item in corpus.siblings(right) for text in corpus.spoken.get(item, ())]


def _fate(strong: SpeechStrengths, chance: float) -> Fate:
    if chance < strong.missing:
        return "missing"
    if chance < strong.missing + strong.wrong:
        return "wrong"
    return "chatter" if chance < strong.missing + strong.wrong + strong.chatter else "said"


def _understood(
    sentence: str,
    rng: np.random.Generator,
    strong: SpeechStrengths,
    recognised: Mapping[str, Sequence[str]],
) -> str:
    known = recognised.get(sentence)
    if known and rng.random() < strong.recognised:
        return known[int(rng.integers(len(known)))]
    return misheard(sentence, rng, strong.rate) if rng.random() < strong.misheard else sentence
