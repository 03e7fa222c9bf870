"""Cases, their reliability and calibration error, worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest

from models.evaluation.confidence import (
    ABSENT,
    Ranked,
    calibration_error,
    expected_error,
    reliability,
    with_absent,
)
from runtime.bundle.manifest import Decision


def _ranked(scores: list[float], right: int | None, weight: float = 1.0) -> Ranked:
    return Ranked(np.array(scores, np.float32), right, weight)


def _sure(chance: float, right: int | None, weight: float = 1.0) -> Ranked:
    """One candidate, of which `RULE` is sure to this degree."""
    return _ranked([float(np.log(chance / (1 - chance)))], right, weight)


RULE = Decision(temperature=1.0, open_set_score=0.0)


def test_calibration_error_by_hand() -> None:
    cases = [_sure(0.95, 0), _sure(0.95, None), _sure(0.15, None), _sure(0.15, None)]
    # |2 * 0.95 - 1| in one bin, 2 * 0.15 in another, over four cases.
    assert calibration_error(cases, RULE) == pytest.approx((0.9 + 0.3) / 4, abs=1e-6)


def test_calibration_error_weighs_cases() -> None:
    cases = [_sure(0.95, 0), _sure(0.95, None, ABSENT)]
    expected = abs(0.95 * 1.1 - 1.0) / 1.1
    assert calibration_error(cases, RULE) == pytest.approx(expected, abs=1e-6)


def test_right_confidence_has_no_error_and_full_certainty_fits_a_bin() -> None:
    sure = Decision(temperature=1e-3, open_set_score=0.0)
    assert calibration_error([_ranked([9.0], 0)], sure) == 0.0
    half = [_sure(0.5, 0), _sure(0.5, None)]
    assert calibration_error(half, RULE) == pytest.approx(0.0, abs=1e-6)


def test_every_clip_counts_as_if_its_product_were_missing_too() -> None:
    found, missed, alone = _ranked([3, 2, 1], 1), _ranked([3, 2], None), _ranked([3], 0)
    cases = with_absent([found, missed, alone])
    assert [c.right for c in cases] == [1, None, 0, None, None]
    assert [c.scores.tolist() for c in cases[3:]] == [[3, 1], [3, 2]]
    assert [c.weight for c in cases] == [1.0, 1.0, 1.0, ABSENT, ABSENT]


def test_bins_have_equal_mass_and_their_own_limits() -> None:
    chance = np.array([0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8])
    right = np.array([0, 0, 0, 1, 0, 1, 1, 1.0])
    bins = reliability(chance, right, bins=4)
    assert [(b.low, b.high, b.weight) for b in bins] == [
        (0.1, 0.2, 2),
        (0.3, 0.4, 2),
        (0.5, 0.6, 2),
        (0.7, 0.8, 2),
    ]
    assert [b.right for b in bins] == [0, 0.5, 0.5, 1]
    assert [b.confidence for b in bins] == pytest.approx([0.15, 0.35, 0.55, 0.75])
    assert expected_error(bins) == pytest.approx((0.15 + 0.15 + 0.05 + 0.25) / 4)


def test_equal_confidences_are_never_parted_whatever_their_order() -> None:
    chance = np.array([0.9] * 30 + [0.2])
    right = np.array([1.0] * 15 + [0.0] * 16)
    order = np.random.default_rng(0).permutation(31)
    bins = reliability(chance, right)
    assert [(b.weight, b.right) for b in bins] == [(1, 0), (30, 0.5)]
    assert reliability(chance[order], right[order]) == bins


def test_weights_are_mass() -> None:
    chance, right = np.array([0.1, 0.5, 0.9]), np.array([0.0, 1.0, 1.0])
    heavy = reliability(chance, right, np.array([1.0, 8.0, 1.0]), bins=2)
    assert [b.weight for b in heavy] == [1.0, 9.0]
    assert heavy[1].confidence == pytest.approx((8 * 0.5 + 0.9) / 9)
