from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from runtime.catalog import search
from runtime.catalog.search import LeadingColumns, best_rows

few_values = st.integers(-2, 2).map(float)
any_value = st.floats(allow_nan=False, width=32)


@given(st.lists(few_values | any_value, min_size=1, max_size=60), st.integers(1, 70))
def test_it_equals_a_full_sort(scores: list[float], k: int) -> None:
    expected = sorted(range(len(scores)), key=lambda row: (-scores[row], row))[:k]
    assert best_rows(np.array(scores, np.float32), k).tolist() == expected


def test_ties_at_the_edge_go_to_the_first_rows() -> None:
    assert best_rows(np.array([1, 1, 2, 1, 1], np.float32), 3).tolist() == [2, 0, 1]


def test_leading_columns_are_copied_once_for_a_number(tmp_path: Path) -> None:
    vectors = np.arange(12, dtype=np.float32).reshape(3, 4)
    np.save(tmp_path / "items.npy", vectors)
    columns = LeadingColumns(np.load(tmp_path / "items.npy", mmap_mode="r"))
    for count in (2, 4, 0):
        first = columns.take(count)
        np.testing.assert_array_equal(first, vectors[:, :count])
        assert type(first) is np.ndarray, "a part of the map"
        assert first.flags.c_contiguous
        assert columns.take(count) is first


def test_columns_that_are_too_large_stay_in_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    vectors = np.arange(12, dtype=np.float32).reshape(3, 4)
    np.save(tmp_path / "items.npy", vectors)
    monkeypatch.setattr(search, "IN_MEMORY_BYTES", 3 * 4 * 2)
    columns = LeadingColumns(np.load(tmp_path / "items.npy", mmap_mode="r"))
    assert type(columns.take(2)) is np.ndarray
    assert isinstance(columns.take(3), np.memmap)
    np.testing.assert_array_equal(columns.take(3), vectors[:, :3])
