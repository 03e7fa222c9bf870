"""All that was said as one number a product."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest

from runtime.bundle.manifest import SpokenRule
from runtime.catalog.catalog import Item
from runtime.lexical.denial import Statement, split_denials
from runtime.lexical.lexicon import Lexicon, ProductText
from runtime.lexical.spoken import SpokenEvidence

OPEN = SpokenRule(weight=0.5, margin=-100, width=0.1, rival=2)
"""Everything counts as clear."""

TITLES = ("Bravo apple juice", "Bravo orange juice", "Oat milk")


def shelf(*titles: str) -> list[Item]:
    return [Item(f"p{n}", title, "", Path("x.png")) for n, title in enumerate(titles)]


def zeros(count: int = len(TITLES)) -> np.ndarray:
    return np.zeros(count, np.float32)


def test_the_sum_is_weighed_as_the_rule_says() -> None:
    rule = OPEN.model_copy(update={"title": 0.7, "about": 0.2, "denied": 0.4})
    sentence = np.array([0.1, -0.2, 0.3], np.float32)
    found = SpokenEvidence(shelf(*TITLES), rule).weigh(
        Statement("bravo apple", "orange juice"), sentence
    )
    lexicon = Lexicon([ProductText(title, "") for title in TITLES])
    said, against = lexicon.evidence("bravo apple"), lexicon.evidence("orange juice")
    expected = 0.5 * (sentence + 0.7 * said.title + 0.2 * said.about - 0.4 * against.title)
    assert found.dtype == np.float32
    assert found == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize(("lead", "share"), [(0.8, 0.5), (0.95, 0.731), (0.5, 0.119), (0, 0.005)])
def test_a_sum_counts_as_far_as_the_best_leads(lead: float, share: float) -> None:
    rule = SpokenRule(weight=1.0, margin=0.8, width=0.15, rival=10)
    sentence = np.array([1.0, 1.0 - lead, 1.0 - lead], np.float32)
    found = SpokenEvidence(shelf(*TITLES), rule).weigh(Statement("", ""), sentence)
    assert found == pytest.approx(share * sentence, abs=1e-3)


def test_the_lead_is_over_the_product_of_that_rank() -> None:
    """Alike products may lead together; what counts is that the rest lies behind."""
    sentence = np.array([1, 1, 1, 0, 0], np.float32)
    for rival, clear in ((2, False), (3, False), (4, True), (5, True), (10, True)):
        rule = SpokenRule(weight=1, margin=0.5, width=0.05, rival=rival)
        found = SpokenEvidence(shelf(*"abcde"), rule).weigh(Statement("", ""), sentence)
        assert (found[0] > 0.9) == clear, rival
        assert (found[0] < 0.1) == (not clear), rival


def test_chatter_says_next_to_nothing_and_a_title_much() -> None:
    evidence, rule = SpokenEvidence(shelf(*TITLES), SpokenRule()), SpokenRule()
    alike = np.array([0.31, 0.3, 0.28], np.float32)
    chatter = evidence.weigh(split_denials("look at this one hold on"), alike)
    assert np.ptp(chatter) < 0.001
    named = evidence.weigh(split_denials("this is the oat milk"), alike + np.float32([0, 0, 0.4]))
    assert named.argmax() == 2
    assert named[2] - named[:2].max() > 0.5 * rule.weight


def test_a_denial_lowers_the_product_it_names() -> None:
    evidence = SpokenEvidence(shelf(*TITLES), OPEN)
    plain = evidence.weigh(split_denials("bravo juice"), zeros())
    denied = evidence.weigh(split_denials("bravo juice, not the orange juice"), zeros())
    assert plain[0] == pytest.approx(plain[1])
    assert denied[0] > denied[1] + 0.02
    only = evidence.weigh(split_denials("not the orange juice"), zeros())
    assert only.argmin() == 1
    assert only[1] < only[0] < only[2] + 1e-6


def test_brand_and_kind_are_read_with_the_description() -> None:
    items = [
        Item("a", "Drink", "made of oats", Path("x"), attributes={"brand": "Nimbus"}),
        Item("b", "Drink", "", Path("x"), attributes={"product_type": "Food > Plum wine"}),
    ]
    evidence = SpokenEvidence(items, OPEN)
    for text, best in (("nimbus", 0), ("oats", 0), ("plum", 1)):
        found = evidence.weigh(Statement(text, ""), zeros(2))
        assert found.argmax() == best
        assert found.min() == 0
    assert not evidence.weigh(Statement("food", ""), zeros(2)).any(), "the last kind alone"


def test_small_and_empty_catalogs_and_empty_titles_are_finite() -> None:
    assert SpokenEvidence([], SpokenRule()).weigh(Statement("a", "b"), zeros(0)).shape == (0,)
    for titles in (("Oat milk",), ("",), ("", ""), ("Oat milk", "")):
        evidence = SpokenEvidence(shelf(*titles), SpokenRule())
        found = evidence.weigh(Statement("oat milk", "plum"), zeros(len(titles)))
        assert np.isfinite(found).all()
        assert found.argmax() == 0


def test_a_huge_lead_does_not_overflow() -> None:
    rule = SpokenRule(weight=1, width=1e-6)
    for lead, share in ((50.0, 1.0), (0.0, 0.0)):
        sentence = np.array([lead, 0, 0], np.float32)
        found = SpokenEvidence(shelf(*TITLES), rule).weigh(Statement("", ""), sentence)
        assert found[0] == pytest.approx(lead * share)
    assert math.isfinite(float(found[0]))
