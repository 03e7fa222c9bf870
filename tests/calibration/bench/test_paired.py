"""Samples, order and ratios by value, on clocks that the tests hold."""

from __future__ import annotations

import gc
from collections import Counter

import pytest

from calibration.bench.alternative import Call
from calibration.bench.paired import FEWEST, Rounds, Series, measure, order
from calibration.bench.ratio import Ratio, ratio


class HandClock:
    """Moves only when told to."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now

    def spend(self, seconds: float) -> None:
        self.now += seconds


def test_every_round_times_every_alternative_as_often_as_it_repeats() -> None:
    clock = HandClock()
    quick = Call("quick", lambda number: clock.spend(0.001 * (1 + number)), repeats=3)
    slow = Call("slow", lambda _: clock.spend(0.5))
    found = measure([quick, slow], Rounds(2, warmup=1), clock=clock)
    # The first three runs were for warmth.
    assert found["quick"].rounds == (
        pytest.approx((4.0, 5.0, 6.0)),
        pytest.approx((7.0, 8.0, 9.0)),
    )
    assert found["slow"].rounds == (pytest.approx((500.0,)), pytest.approx((500.0,)))


def test_the_order_is_mixed_and_follows_the_seed() -> None:
    alternatives = [Call(name, lambda _: None, repeats) for name, repeats in (("a", 4), ("b", 2))]
    orders = [order(alternatives, 0, number) for number in range(-2, 20)]
    assert all(Counter(one) == {"a": 4, "b": 2} for one in orders)
    assert len({tuple(one) for one in orders}) > 5
    assert orders == [order(alternatives, 0, number) for number in range(-2, 20)]
    assert orders != [order(alternatives, 1, number) for number in range(-2, 20)]


def test_measured_in_the_order_drawn() -> None:
    seen: list[str] = []
    alternatives = [Call(name, lambda _, name=name: seen.append(name), 2) for name in "ab"]
    measure(alternatives, Rounds(3, warmup=0, seed=5))
    assert seen == [name for number in range(3) for name in order(alternatives, 5, number)]


@pytest.mark.parametrize(("limit_s", "kept"), [(6.5, 7), (0.0, FEWEST), (100.0, 9)])
def test_no_round_begins_after_the_limit_but_a_few_always_do(limit_s: float, kept: int) -> None:
    clock = HandClock()
    slow = Call("slow", lambda _: clock.spend(1.0))
    found = measure([slow], Rounds(9, warmup=0, limit_s=limit_s), clock=clock)
    assert len(found["slow"].rounds) == kept


@pytest.mark.parametrize("before", [True, False])
def test_no_garbage_is_collected_meanwhile(before: bool) -> None:
    states: list[bool] = []

    def fail(_: int) -> None:
        states.append(gc.isenabled())
        raise RuntimeError

    try:
        if not before:
            gc.disable()
        with pytest.raises(RuntimeError):
            measure([Call("failing", fail)], Rounds(1))
        assert states == [False]
        assert gc.isenabled() is before
    finally:
        gc.enable()


def test_equal_names_are_refused() -> None:
    with pytest.raises(ValueError, match="one name"):
        measure([Call("a", lambda _: None), Call("a", lambda _: None)], Rounds(1))


def test_figures_of_a_series() -> None:
    series = Series("a", ((1.0, 2.0), (3.0, 4.0), (5.0, 100.0)))
    assert series.as_dict() == {
        "p50_ms": 3.5,
        "p95_ms": 76.25,
        "p99_ms": 95.25,
        "samples": 6,
    }


def test_the_ratio_is_that_of_the_medians() -> None:
    slow = Series("slow", ((10.0,), (30.0,), (20.0,)))
    fast = Series("fast", ((1.0, 2.0), (2.0, 2.0), (4.0, 9.0)))
    assert ratio(slow, fast).median == 10.0


def test_rounds_stay_together_in_the_bootstrap() -> None:
    # Each round is ten times slower than the one before, for both: pairs know nothing of that.
    times = [10.0**number for number in range(6)]
    slow = Series("slow", tuple((3 * ms,) for ms in times))
    fast = Series("fast", tuple((ms,) for ms in times))
    assert ratio(slow, fast) == Ratio(3.0, pytest.approx(3.0), pytest.approx(3.0))


def test_the_interval_holds_the_median_and_follows_the_seed() -> None:
    slow = Series("slow", tuple((20.0 + number % 7,) for number in range(40)))
    fast = Series("fast", tuple((10.0 - number % 3,) for number in range(40)))
    found = ratio(slow, fast, seed=1)
    assert found.low < found.median < found.high
    assert found == ratio(slow, fast, seed=1)
    # 95 %: between the extremes of what single rounds give.
    assert found.low > 20 / 10
    assert found.high < 26 / 8


def test_a_ratio_needs_rounds_in_common() -> None:
    with pytest.raises(ValueError, match="together"):
        ratio(Series("a", ((1.0,),)), Series("b", ((1.0,), (2.0,))))


def test_a_ratio_is_written_to_four_digits() -> None:
    assert Ratio(12.34567, 1234.5678, 0.123456).as_dict() == {
        "median": 12.35,
        "low": 1235.0,
        "high": 0.1235,
    }
