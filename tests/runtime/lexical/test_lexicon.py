"""How well words fit products: by hand, and where they are misheard, odd or missing."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import pytest

from runtime.lexical import lexicon
from runtime.lexical.lexicon import LENGTH, SATURATION, Lexicon, ProductText, sound, words


def shelf(*titles: str, about: Sequence[str] = ()) -> Lexicon:
    texts = [*about, *[""] * (len(titles) - len(about))]
    return Lexicon([ProductText(t, a) for t, a in zip(titles, texts, strict=True)])


def titles(made: Lexicon, text: str) -> list[float]:
    return [round(float(x), 5) for x in made.evidence(text).title]


def rarity(having: int, products: int) -> float:
    return math.log1p((products - having + 0.5) / (having + 0.5))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("The Green, green APPLE!", ["green", "green", "apple"]),
        ("this is it and so on", []),
        ("1,5 l and 1.5l of 500ml", ["1.5", "l", "1.5", "l", "500", "ml"]),
        ("Omega3 B12 7up", ["omega3", "b12", "7"]),
        ("don't say Kellogg's or we\u2019ve T-shirts", ["don", "say", "kellogg", "t", "shirts"]),
        ("Cafe\u0301 CRÈME_brûlée", ["café", "crème", "brûlée"]),
        ("ﬁne ５ dates", ["fine", "5", "dates"]),
        ("苹果 сок", ["苹果", "сок"]),
        ("", []),
        ("🍵 -- \x00", []),
    ],
)
def test_words_of_a_text(text: str, expected: list[str]) -> None:
    assert words(text) == expected


def test_the_part_of_a_title_that_was_heard_counts_rare_words_more() -> None:
    made = shelf("Bravo juice", "Godegarden juice", "Plain milk")
    once, twice = rarity(1, 3), rarity(2, 3)
    expected = [twice / (once + twice), twice / (once + twice), 0]
    assert titles(made, "some juice") == pytest.approx(expected, abs=1e-5)
    assert titles(made, "juice, bravo!") == pytest.approx([1, expected[1], 0], abs=1e-5)
    assert titles(made, "juice juice juice") == titles(made, "juice"), "said often is said once"


def test_a_word_counts_once_in_a_title_however_often_it_stands_there() -> None:
    made = shelf("milk milk oat", "soy")
    assert titles(made, "milk") == pytest.approx([0.5, 0])


def test_descriptions_count_by_bm25_and_titles_twice() -> None:
    made = shelf("pear", "plum", about=("sweet sweet fruit", "sour"))
    lengths, mean = np.array([5, 3]), 4.0
    found = made.evidence("sweet").about
    norm = SATURATION * (1 - LENGTH + LENGTH * lengths / mean)
    assert found == pytest.approx([rarity(1, 2) * 2 * 2.2 / (2 + norm[0]), 0], abs=1e-5)
    found = made.evidence("plum").about
    assert found == pytest.approx([0, rarity(1, 2) * 2 * 2.2 / (2 + norm[1])], abs=1e-5)
    assert not made.evidence("sweet").title.any()


@pytest.mark.parametrize(
    ("heard", "least", "most"),
    [
        ("bravo", 1, 1),
        ("Bravos", 0.3, 0.99),  # spelling
        ("braveau", 0.01, 0.99),  # sound
        ("brav oh", 0.3, 1),  # split by the recogniser
        ("bra vo", 1, 1),
        ("tomato", 0, 0),
        ("car", 0, 0),
    ],
)
def test_a_word_misheard_counts_the_less_the_less_alike_it_is(
    heard: str, least: float, most: float
) -> None:
    (found,) = titles(shelf("Bravo"), heard)
    assert least <= found <= most


def test_what_was_heard_best_of_several_counts_once() -> None:
    made = shelf("Bravo")
    assert titles(made, "bravos bravo brav oh") == [1]
    assert titles(made, "bravos bravos") == titles(made, "bravos")


@pytest.mark.parametrize(
    ("title", "heard", "fits"),
    [
        ("1500", "1500", True),
        ("1500", "1000", False),
        ("5000", "500", False),
        ("E330", "e331", False),
        ("B12", "b12", True),
        ("Omega3", "omega", True),
        ("привет", "привод", False),
        ("香蕉汁", "苹果汁", False),
        ("苹果汁", "苹果 汁", True),
        ("CAFÉ", "cafe\u0301", True),
        ("Crème", "creme", True),
    ],
)
def test_numbers_are_exact_and_other_scripts_are_spelt(title: str, heard: str, fits: bool) -> None:
    """Metaphone has no code for them, and two empty codes would sound alike."""
    assert (titles(shelf(title), heard) != [0]) == fits


def test_decimals_are_one_number_however_they_are_written() -> None:
    made = shelf("Juice 1,5 l", "Juice 5 l", "Juice 1 l")
    best = made.evidence("1.5 l juice").title
    assert best[0] == pytest.approx(1)
    assert max(best[1:]) < 0.8


def test_sound_is_metaphone_or_the_word() -> None:
    assert sound("knight") == sound("night")
    assert sound("1500") == "1500"
    assert sound("сок") == "сок"


def test_nothing_heard_nothing_written_and_nothing_there() -> None:
    made = shelf("Bravo", "", "The One", about=("", "juice", ""))
    for silence in ("", "the of and", "🍵"):
        evidence = made.evidence(silence)
        assert not evidence.title.any()
        assert not evidence.about.any()
    assert titles(made, "the one and only") == [0, 0, 0], "titles without content are never heard"
    assert made.evidence("juice").about[1] > 0
    nothing = Lexicon([]).evidence("bravo")
    assert nothing.title.shape == nothing.about.shape == (0,)
    assert not Lexicon([ProductText("", "")]).evidence("bravo").title.any()
    assert titles(shelf("Bravo"), "bravo") == [1], "a catalog of one"


def test_evidence_is_between_zero_and_one_for_titles_and_never_negative() -> None:
    made = shelf("oat milk", "oat oat drink", "milk", about=("milk oat", "", "drink"))
    for text in ("oat milk drink", "oats milks", "milk " * 50):
        evidence = made.evidence(text)
        assert ((evidence.title >= 0) & (evidence.title <= 1 + 1e-6)).all()
        assert (evidence.about >= 0).all()


def test_what_was_heard_before_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where the memory of likenesses overflows in the middle of a sentence."""
    monkeypatch.setattr(lexicon, "REMEMBERED", 4)
    used = shelf("Bravo juice", "Oat milk")
    for text in ("bravo", "oat milk bravo juice", "milk juices oat", "bravos", "oat milk"):
        fresh = shelf("Bravo juice", "Oat milk")
        assert titles(used, text) == titles(fresh, text)


def test_likenesses_are_found_once(monkeypatch: pytest.MonkeyPatch) -> None:
    made = shelf("Bravo juice")
    first = titles(made, "brave juices")
    monkeypatch.setattr(Lexicon, "_alike", lambda *_: pytest.fail("compared again"))
    assert titles(made, "brave juices") == first
