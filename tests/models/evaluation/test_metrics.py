"""Ranks with ties, recall, reciprocal rank and intervals, against values worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest

from models.evaluation.metrics import estimate, mrr, ranks, recall_at_k


def test_ranks_without_ties() -> None:
    scores = np.array([[0.9, 0.5, 0.1], [0.9, 0.5, 0.1], [0.1, 0.5, 0.9]])
    optimistic, pessimistic = ranks(scores, np.array([0, 2, 1]))
    assert optimistic.tolist() == [1, 3, 2]
    assert pessimistic.tolist() == [1, 3, 2]


def test_ties_are_reported_both_ways() -> None:
    scores = np.array([[0.7, 0.7, 0.7, 0.1], [0.9, 0.7, 0.7, 0.1]], np.float32)
    optimistic, pessimistic = ranks(scores, np.array([1, 2]))
    assert optimistic.tolist() == [1, 2]
    assert pessimistic.tolist() == [3, 3]


def test_one_item_is_always_first() -> None:
    optimistic, pessimistic = ranks(np.array([[0.0]]), np.array([0]))
    assert (optimistic.tolist(), pessimistic.tolist()) == ([1], [1])


def test_infinities_are_ordered() -> None:
    scores = np.array([[np.inf, 0.0, -np.inf, -np.inf]])
    assert ranks(scores, np.array([1]))[1].tolist() == [2]
    optimistic, pessimistic = ranks(scores, np.array([3]))
    assert (optimistic.tolist(), pessimistic.tolist()) == ([3], [4])


@pytest.mark.parametrize(
    ("scores", "target", "said"),
    [
        ([[0.1, np.nan]], [0], "NaN"),
        ([[0.1, 0.2]], [2], "not one of the 2"),
        ([[0.1, 0.2]], [-1], "not one of the 2"),
        ([[0.1, 0.2]], [0, 1], "do not fit"),
        ([0.1, 0.2], [0], "do not fit"),
    ],
)
def test_what_has_no_rank_is_refused(scores: list[float], target: list[int], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        ranks(np.array(scores), np.array(target))


def test_recall_and_reciprocal_rank() -> None:
    rank, products = np.array([1, 2, 5, 6]), ["a", "b", "c", "d"]
    assert recall_at_k(rank, 1, products).value == 0.25
    assert recall_at_k(rank, 5, products).value == 0.75
    assert mrr(rank, products).value == pytest.approx((1 + 1 / 2 + 1 / 5 + 1 / 6) / 4)


def test_the_interval_draws_products_not_clips() -> None:
    values = np.array([1.0] * 50 + [0.0] * 50)
    two = estimate(values, ["a"] * 50 + ["b"] * 50)
    many = estimate(values, [str(i) for i in range(100)])
    assert (two.value, two.low, two.high) == (0.5, 0.0, 1.0)
    assert many.low is not None
    assert many.high is not None
    assert 0.35 < many.low < 0.45 < 0.55 < many.high < 0.65


def test_the_interval_weighs_products_by_their_clips() -> None:
    found = estimate(np.array([1.0, 1.0, 1.0, 0.0]), ["a", "a", "a", "b"])
    assert found.value == 0.75
    assert found.high == 1.0


def test_the_interval_is_the_same_every_time() -> None:
    values = np.random.default_rng(3).random(40)
    products = [str(i % 9) for i in range(40)]
    assert estimate(values, products) == estimate(values, products)


def test_one_product_has_no_interval() -> None:
    found = estimate(np.array([1.0, 0.0]), ["a", "a"])
    assert found.as_dict() == {"value": 0.5, "low": None, "high": None}


@pytest.mark.parametrize(("values", "products"), [([], []), ([np.nan], ["a"]), ([1.0, 0.0], ["a"])])
def test_an_estimate_of_nothing_is_refused(values: list[float], products: list[str]) -> None:
    with pytest.raises(ValueError, match="estimate needs"):
        estimate(np.array(values), products)
