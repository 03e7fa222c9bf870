"""Sentences about products."""

from __future__ import annotations

import numpy as np
import pytest

from models.data.corpus import CorpusItem
from models.data.sentences import misheard, speak


def _item(title: str = "Red Milk", about: str = "Fresh milk from the hill", kind: str = "milk"):  # type: ignore[no-untyped-def]
    return CorpusItem(title, title, about, kind, "g", lambda: np.zeros((1, 1, 3), np.uint8))


def _spoken(item: CorpusItem, others: list[CorpusItem], count: int = 400) -> list[str]:
    rng = np.random.default_rng(0)
    return [speak(item, others, rng) for _ in range(count)]


def test_the_same_seed_says_the_same() -> None:
    assert _spoken(_item(), []) == _spoken(_item(), [])
    assert len(set(_spoken(_item(), []))) > 50


@pytest.mark.parametrize(
    "item",
    [
        _item(),
        _item(about=""),
        _item(about="", kind=""),
        _item(about="—", kind=""),
        _item(title="牛奶", about="", kind=""),
    ],
    ids=["usual", "no description", "title only", "punctuation", "not Latin"],
)
def test_a_sentence_is_never_empty(item: CorpusItem) -> None:
    assert all(text.strip() for text in _spoken(item, []))


def test_the_product_is_named_kinded_or_neither() -> None:
    texts = _spoken(_item(about="x y z"), [])
    named = [t for t in texts if "milk" in t and "red" in t]
    kind = [t for t in texts if "milk" in t and "red" not in t]
    assert len(named) > 100
    assert len(kind) > 20
    assert any("milk" not in t for t in texts)


def test_look_alikes_are_mentioned_only_where_there_are_any() -> None:
    assert any("yoghurt" in t for t in _spoken(_item(), [_item("Yoghurt")]))
    assert not any("yoghurt" in t for t in _spoken(_item(), []))


def test_recognisers_lose_and_cut_words_at_the_given_rate() -> None:
    rng, text = np.random.default_rng(0), " ".join(["carton"] * 2000)
    assert misheard(text, rng, rate=0.0) == text
    heard = misheard(text, rng, rate=0.4).split()
    assert 0.7 < heard.count("carton") / 2000 < 0.8
    assert {"arton", "carto"} < set(heard)
