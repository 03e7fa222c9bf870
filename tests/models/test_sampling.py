"""The kiosk's choice of frames, moved by chance for training."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.data.sampling import jittered
from runtime.sampler import spread


class _Still:
    """Draws the lowest number or never: nothing moves."""

    def __init__(self, count: int, frames: int) -> None:
        self._places = iter(spread(count, frames))

    def random(self) -> float:
        return 1.0

    def integers(self, low: int, high: int) -> int:
        place = next(self._places)
        assert low <= place < high, "the kiosk's own place must be within reach"
        return place


@given(count=st.integers(0, 300), frames=st.integers(1, 16), seed=st.integers(0, 99))
def test_places_are_in_order_without_repetition(count: int, frames: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    chosen = jittered(count, frames, rng, cut=0.5)
    assert chosen == sorted(set(chosen))
    assert all(0 <= place < count for place in chosen)
    assert min(count, 1) <= len(chosen) <= min(count, frames)
    whole = jittered(count, frames, rng, fewer=0.0)
    assert len(whole) == min(count, frames)


@given(count=st.integers(0, 300), frames=st.integers(1, 16))
def test_without_chance_it_is_the_kiosks_choice(count: int, frames: int) -> None:
    still = _Still(count, frames)
    assert jittered(count, frames, still) == spread(count, frames)  # type: ignore[arg-type]


def test_every_picture_can_be_shown() -> None:
    rng = np.random.default_rng(1)
    seen = {place for _ in range(300) for place in jittered(23, 4, rng)}
    assert seen == set(range(23))


def test_a_cut_takes_the_end_away() -> None:
    rng = np.random.default_rng(2)
    last = [jittered(100, 8, rng, fewer=0.0, cut=1.0)[-1] for _ in range(200)]
    assert min(last) < 20
    assert np.mean(last) == pytest.approx(52, abs=8)


def test_the_same_seed_chooses_the_same() -> None:
    one, two = ([jittered(40, 8, np.random.default_rng(seed)) for _ in range(5)] for seed in (3, 3))
    assert one == two
