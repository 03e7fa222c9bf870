"""What counts as within the budget, and what is said of it."""

from __future__ import annotations

import pytest

from calibration.budget import Budget
from models.evaluation.metrics import Estimate

BUDGET = Budget(0.005)
CLIP = 1 / 44


@pytest.mark.parametrize(
    ("change", "allowed", "proven"),
    [
        (Estimate(0.0, 0.0, 0.0), True, True),
        (Estimate(0.0, -CLIP, CLIP), True, False),
        (Estimate(-0.005, -0.02, 0.0), True, False),
        (Estimate(-0.0051, -0.02, 0.0), False, False),
        (Estimate(-CLIP, -3 * CLIP, 0.0), False, False),
        (Estimate(-0.004, -0.009, -0.006), False, False),
        (Estimate(-0.004, -0.005, -0.001), True, True),
        (Estimate(CLIP, 0.0, 3 * CLIP), True, True),
        (Estimate(0.0, None, None), True, False),
        (Estimate(-1.0, None, None), False, False),
    ],
)
def test_the_drop_and_its_interval_decide(change: Estimate, allowed: bool, proven: bool) -> None:
    assert BUDGET.allows(change) is allowed
    assert BUDGET.proven(change) is proven


def test_too_few_answers_are_told() -> None:
    told = BUDGET.in_words(Estimate(0.0, -2 * CLIP, CLIP), 44)
    assert told == (
        "R@1 is that of FP32, interval -4.5 to +2.3 (budget 0.5 points). 44 answers cannot prove "
        "it: one is worth 2.3 points, and a drop of 4.5 points is within the interval."
    )


def test_no_change_at_all_is_told_without_an_interval() -> None:
    told = BUDGET.in_words(Estimate(0.0, 0.0, 0.0), 44)
    assert told == "R@1 is that of FP32 for every product (budget 0.5 points)."


def test_a_proof_is_told_without_doubt() -> None:
    told = BUDGET.in_words(Estimate(-0.002, -0.004, 0.0), 5000)
    assert told == "R@1 falls by 0.2 points, interval -0.4 to +0.0 (budget 0.5 points)."


def test_a_miss_is_told_without_excuse() -> None:
    told = BUDGET.in_words(Estimate(-CLIP, -3 * CLIP, 0.0), 44)
    assert told.startswith("R@1 falls by 2.3 points")
    assert "prove" not in told


def test_a_gain_rises_and_one_product_gives_no_proof() -> None:
    assert BUDGET.in_words(Estimate(0.01, 0.0, 0.02), 44).startswith("R@1 rises by 1.0 point,")
    assert "no proof" in BUDGET.in_words(Estimate(0.0, None, None), 3)
