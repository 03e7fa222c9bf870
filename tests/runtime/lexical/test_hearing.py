"""From words to evidence, with a text encoder of three directions."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from runtime.bundle.manifest import SpokenRule
from runtime.catalog.catalog import CatalogReader, FloatArray, Hit, Item
from runtime.lexical.hearing import Hearing
from runtime.network import TextFeatures

VISUAL = 2
RULE = SpokenRule(weight=1, title=1, about=0, denied=1, margin=-100, rival=2)
KNOWN = ("oat", "soy", "milk")


class FakeNetwork:
    """Knows three words; its query head turns text by one place, as the titles here are turned."""

    visual_size = VISUAL
    bundle = SimpleNamespace(manifest=SimpleNamespace(spoken=RULE))

    def __init__(self) -> None:
        self.read: list[str] = []

    def says_something(self, text: str) -> bool:
        return any(word in KNOWN for word in text.split())

    def encode_texts(self, texts: list[str]) -> TextFeatures:
        self.read += texts
        pooled = np.array([[float(w in t.split()) for w in KNOWN] for t in texts], np.float32)
        return TextFeatures(pooled, pooled[:, None], np.ones((len(texts), 1), np.float32))

    def query(self, frames: list[Any], text: TextFeatures) -> Any:
        assert frames == []
        spoken = np.roll(text.pooled[0], 1) * 0.25
        return SimpleNamespace(vector=np.concatenate([[9, 9, 9], spoken]).astype(np.float32))


class Shelf:
    """A catalog whose products may change."""

    def __init__(self, *titles: str) -> None:
        self.snapshot = "one"
        self.put(*titles)

    def put(self, *titles: str) -> None:
        self._items = [Item(f"p{n}", t, "", Path("x")) for n, t in enumerate(titles)]
        texts = [[float(w in t.lower().split()) for w in KNOWN] for t in titles]
        self._texts = np.roll(np.array(texts, np.float32).reshape(-1, 3), 1, axis=1)

    def items(self) -> list[Item]:
        return list(self._items)

    def scores(self, part: FloatArray, start: int) -> FloatArray:
        assert start == VISUAL + 1
        return np.asarray(self._texts @ part, np.float32)

    def search(self, query: FloatArray, k: int, prior: FloatArray | None = None) -> list[Hit]:
        raise AssertionError("hearing does not search")

    def vectors(self, rows: Any) -> Any:
        raise AssertionError("hearing does not search")


@pytest.fixture
def network() -> FakeNetwork:
    return FakeNetwork()


@pytest.fixture
def catalog() -> Shelf:
    return Shelf("Oat milk", "Soy milk", "Zorbo")


@pytest.fixture
def hearing(network: FakeNetwork, catalog: Shelf) -> Hearing:
    assert isinstance(catalog, CatalogReader)
    return Hearing(network, catalog)  # type: ignore[arg-type]


def test_silence_is_no_evidence(hearing: Hearing, network: FakeNetwork) -> None:
    for heard in (hearing.silence(), hearing.read(""), hearing.read("🍵 \x00")):
        assert (heard.text, heard.prior, heard.snapshot) == (None, None, "one")
    assert network.read == []


def test_sentence_and_title_add_up_in_the_space_of_the_query_head(hearing: Hearing) -> None:
    heard = hearing.read("soy")
    assert heard.text is not None
    assert heard.text.pooled.tolist() == [[0, 1, 0]]
    assert heard.prior is not None
    shares = hearing.read("soy milk").prior
    assert shares is not None
    assert heard.prior[[0, 2]].tolist() == [0, 0]
    assert 1.5 < heard.prior[1] < 2, "a cosine of one and most of the title"
    assert shares[1] == pytest.approx(2**0.5 + 1, abs=1e-5), "the sentence counts by its direction"


def test_what_is_denied_is_not_encoded_and_counts_against_its_product(
    hearing: Hearing, network: FakeNetwork
) -> None:
    heard = hearing.read("Milk not the SOY milk")
    assert network.read == ["milk"]
    assert heard.words == "Milk not the SOY milk"
    assert heard.prior is not None
    assert heard.prior.argmax() == 0
    only = hearing.read("not the soy milk")
    assert only.text is None
    assert only.prior is not None
    assert only.prior[1] == pytest.approx(-1)


def test_words_are_cleaned_before_they_are_read(hearing: Hearing, network: FakeNetwork) -> None:
    hearing.read("  soy\x00milk ｍｉｌｋ ")
    assert network.read == ["soy milk milk"]
    hearing.read("milk " * 5000)
    assert len(network.read[-1]) <= 4000


def test_a_changed_catalog_makes_what_was_heard_stale(hearing: Hearing, catalog: Shelf) -> None:
    heard = hearing.read("soy")
    assert not hearing.is_stale(heard)
    catalog.put("Soy", "Oat", "Plum", "Pear")
    catalog.snapshot = "two"
    assert hearing.is_stale(heard)
    again = hearing.read(heard.words)
    assert not hearing.is_stale(again)
    assert again.prior is not None
    assert again.prior == pytest.approx([2, 0, 0, 0])


def test_the_catalogs_words_are_counted_once_for_each_state(
    hearing: Hearing, catalog: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = []
    from runtime.lexical import hearing as module

    really = module.SpokenEvidence
    monkeypatch.setattr(
        module, "SpokenEvidence", lambda *a: made.append(catalog.snapshot) or really(*a)
    )
    hearing.read("")
    assert made == []
    for text in ("soy", "oat", "soy"):
        hearing.read(text)
    catalog.snapshot = "two"
    hearing.read("soy")
    assert made == ["one", "two"]


def test_an_empty_catalog_hears_nothing(network: FakeNetwork) -> None:
    heard = Hearing(network, Shelf()).read("soy")  # type: ignore[arg-type]
    assert heard.prior is not None
    assert heard.prior.shape == (0,)
