"""Counts of words and sums over them, against plain counting."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from runtime.lexical.postings import Counts, Postings

WORDS = 6
TEXTS = st.lists(st.lists(st.integers(0, WORDS - 1), max_size=8), max_size=7)


@given(TEXTS)
def test_every_word_of_every_text_is_counted(texts: list[list[int]]) -> None:
    counts = Counts.of(texts, WORDS)
    found = zip(counts.places.tolist(), counts.rows.tolist(), counts.times.tolist(), strict=True)
    expected = {(w, row): n for row, text in enumerate(texts) for w, n in Counter(text).items()}
    assert list(found) == [(w, row, n) for (w, row), n in sorted(expected.items())]
    having = [sum(w in text for text in texts) for w in range(WORDS)]
    assert counts.having().tolist() == having
    assert counts.sums(counts.times).tolist() == [len(text) for text in texts]


@given(TEXTS, st.dictionaries(st.integers(0, WORDS - 1), st.floats(0, 1)))
def test_a_total_is_the_sum_over_the_words_heard(
    texts: list[list[int]], heard: dict[int, float]
) -> None:
    counts = Counts.of(texts, WORDS)
    weights = counts.times + 10 * counts.places
    total = Postings.of(counts, weights).total(heard)
    expected = [
        sum(sure * (text.count(w) + 10 * w) for w, sure in heard.items() if w in text)
        for text in texts
    ]
    assert total.dtype == np.float32
    assert total == pytest.approx(np.array(expected, np.float32), rel=1e-6)
