"""What is said with a query, and how often."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
import torch

from models.ablation.questions import Speech, sorted_speech
from models.ablation.shelf import Sentence
from models.data.corpus import Corpus, Shot
from models.data.corpus import Speech as Said

HEARD = [
    (0, "red milk", "named"),
    (0, "the red one", "partial"),
    (1, "pear", "named"),
    (0, "hello all", "chat"),
    (1, None, None),
]


def _sentence(text: str) -> Sentence:
    return Sentence(text, torch.zeros(1, 1), torch.zeros(1, 1, 1), torch.zeros(1, 1))


def _speech(chatter: bool = True) -> Speech:
    shots = tuple(
        Shot(item, "clip", (), speech=Said(text, text, kind))
        for item, text, kind in HEARD
        if chatter or kind != "chat"
    )
    encoded = {text: _sentence(text) for _, text, _ in HEARD if text}
    return sorted_speech(Corpus((), shots, (), "made up"), encoded)


def _drawn(speech: Speech, product: int) -> Counter[tuple[str | None, str]]:
    rng = np.random.default_rng(1)
    draws = [speech.draw(product, rng) for _ in range(2000)]
    return Counter((said.text if said else None, kind) for said, kind in draws)


def test_sentences_are_sorted_by_product_and_kind() -> None:
    speech = _speech()
    assert [sentence.text for sentence in speech.sentences] == [t for _, t, _ in HEARD if t]
    assert speech.by_product == {0: {"named": [0], "partial": [1]}, 1: {"named": [2]}}
    assert speech.chatter == [3]


def test_kinds_are_drawn_as_salespeople_use_them() -> None:
    found = _drawn(_speech(), 0)
    assert set(found) == {("red milk", "named"), ("the red one", "partial"), ("hello all", "chat")}
    shares = [found[key] / 2000 for key in sorted(found, key=lambda key: key[1])]
    assert shares == pytest.approx([0.2, 0.55, 0.25], abs=0.04)


def test_a_product_never_gets_the_words_for_another() -> None:
    assert {text for text, _ in _drawn(_speech(), 1)} == {"pear", "hello all"}
    assert {text for text, _ in _drawn(_speech(), 2)} == {"hello all"}


def test_nothing_is_said_where_nothing_fits() -> None:
    assert {t for t, kind in _drawn(_speech(chatter=False), 0) if kind == "chat"} == {None}
    assert {text for text, _ in _drawn(_speech(chatter=False), 2)} == {None}
