"""What is said of the product and what of another one."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runtime.lexical.denial import LONGEST, split_denials


@pytest.mark.parametrize(
    ("text", "asserted", "denied"),
    [
        ("", "", ""),
        ("this is the green apple", "this is the green apple", ""),
        ("It is NOT the Red Apple", "it is", "red apple"),
        ("not the red apple. it is a pear", "it is a pear", "red apple"),
        ("not the red apple but a pear", "a pear", "red apple"),
        ("do not mix it up with oat milk, this is soy", "soy", "oat milk,"),
        ("don't confuse this with oat milk! soy milk", "soy milk", "oat milk"),
        ("don\u2019t confuse this with oat milk! soy milk", "soy milk", "oat milk"),
        ("never mistake them for plums", "", "plums"),
        ("a little bit different from the plum", "", "the plum"),
        ("quite different than plums; sweet", "sweet", "plums"),
        ("unlike the plum this one is sweet", "is sweet", "the plum"),
        ("take juice instead of milk", "take juice", "milk"),
        ("juice rather than milk, not a cola; fresh", "juice fresh", "milk, not a cola"),
        ("other than milk from before we have juice", "we have juice", "milk"),
        ("nothing here, another knot the rope", "nothing here, another knot the rope", ""),
        ("not the", "", ""),
    ],
)
def test_a_denial_reaches_from_its_cue_to_the_next_clause(
    text: str, asserted: str, denied: str
) -> None:
    found = split_denials(text)
    assert (found.asserted, found.denied) == (asserted, denied)


def test_a_denial_ends_after_some_words_and_talk_goes_on() -> None:
    words = [f"w{n}" for n in range(LONGEST + 3)]
    found = split_denials("good not the " + " ".join(words))
    assert found.denied == " ".join(words[:LONGEST])
    assert found.asserted == "good " + " ".join(words[LONGEST:])


def test_a_second_denial_behind_a_long_one_is_found() -> None:
    filler = " ".join(f"w{n}" for n in range(LONGEST))
    found = split_denials(f"not the {filler} and unlike plums")
    assert found.denied == f"{filler} plums"
    assert found.asserted == "and"


@given(st.lists(st.sampled_from(["not", "the", "unlike", "apple", "but", ".", "this is", "ÄÖ"])))
def test_no_word_is_invented_or_said_twice(parts: list[str]) -> None:
    text = " ".join(parts)
    found = split_denials(text)
    kept = f"{found.asserted} {found.denied}".split()
    assert all(kept.count(word) <= text.lower().split().count(word) for word in set(kept))
    assert kept.count("apple") == parts.count("apple")
