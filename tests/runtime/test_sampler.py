"""Which frames of a clip the network sees."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runtime.sampler import spread


@given(count=st.integers(0, 5_000), frames=st.integers(1, 64))
def test_frames_are_spread_in_order_without_repetition(count: int, frames: int) -> None:
    chosen = spread(count, frames)
    assert len(chosen) == min(count, frames)
    assert chosen == sorted(set(chosen))
    assert all(0 <= index < count for index in chosen)


@given(count=st.integers(2, 5_000), frames=st.integers(2, 64))
def test_the_first_and_the_last_frame_are_seen(count: int, frames: int) -> None:
    chosen = spread(count, frames)
    assert (chosen[0], chosen[-1]) == (0, count - 1)


@given(count=st.integers(2, 5_000), frames=st.integers(2, 64))
def test_no_gap_is_much_longer_than_another(count: int, frames: int) -> None:
    chosen = spread(count, frames)
    gaps = {after - before for before, after in pairwise(chosen)}
    assert max(gaps) - min(gaps) <= 1


@pytest.mark.parametrize(
    ("count", "frames", "chosen"),
    [(0, 8, []), (1, 8, [0]), (3, 8, [0, 1, 2]), (9, 1, [4]), (9, 3, [0, 4, 8])],
)
def test_small_cases(count: int, frames: int, chosen: list[int]) -> None:
    assert spread(count, frames) == chosen
