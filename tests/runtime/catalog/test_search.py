from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from runtime.catalog.search import best_rows

few_values = st.integers(-2, 2).map(float)
any_value = st.floats(allow_nan=False, width=32)


@given(st.lists(few_values | any_value, min_size=1, max_size=60), st.integers(1, 70))
def test_it_equals_a_full_sort(scores: list[float], k: int) -> None:
    expected = sorted(range(len(scores)), key=lambda row: (-scores[row], row))[:k]
    assert best_rows(np.array(scores, np.float32), k).tolist() == expected


def test_ties_at_the_edge_go_to_the_first_rows() -> None:
    assert best_rows(np.array([1, 1, 2, 1, 1], np.float32), 3).tolist() == [2, 0, 1]
