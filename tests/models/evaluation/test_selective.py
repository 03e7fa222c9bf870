"""Risk, coverage and the open set, worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest

from models.data.clip import Clip
from models.evaluation.prediction import Prediction
from models.evaluation.selective import auroc, judge_confidence, open_set, risk_coverage
from runtime.bundle.manifest import Decision
from runtime.decision import confidences

RULE = Decision(temperature=0.1, open_set_score=0.0, present=0.6, unsure=0.3)


def _prediction(product: str | None, ranked: str, scores: list[float], **over: float) -> Prediction:
    values = np.array(scores, np.float32)
    confidence = over.get("confidence", float(confidences(values, RULE)[0]))
    clip = Clip("c", {}, product_id=product)
    return Prediction(clip, tuple(ranked), values, None, 0.1, confidence)


def test_risk_grows_with_coverage() -> None:
    curve, area = risk_coverage(np.array([0.2, 0.9, 0.8, 0.7]), np.array([0.0, 1, 0, 1]))
    assert curve == ((0.25, 0.0), (0.5, 0.5), (0.75, pytest.approx(1 / 3)), (1.0, 0.5))
    assert area == pytest.approx((0 + 0.5 + 1 / 3 + 0.5) / 4)


def test_clips_of_equal_confidence_come_together() -> None:
    for right in ([1.0, 0.0, 1.0], [0.0, 1.0, 1.0]):
        curve, area = risk_coverage(np.array([0.5, 0.5, 0.1]), np.array(right))
        assert curve == ((pytest.approx(2 / 3), 0.5), (1.0, pytest.approx(1 / 3)))
        assert area == pytest.approx((2 * 0.5 + 1 / 3) / 3)


def test_auroc_counts_ties_half() -> None:
    assert auroc(np.array([0.9, 0.8]), np.array([0.1, 0.2])) == 1.0
    assert auroc(np.array([0.1]), np.array([0.9])) == 0.0
    assert auroc(np.array([0.5, 0.9]), np.array([0.5, 0.1])) == pytest.approx((0.5 + 1 + 1 + 1) / 4)


def test_the_decision_is_made_anew_without_the_clips_product() -> None:
    """With b gone, a's 0.5 against 0.0 of "none" is sure enough to be named; 0.0 is not."""
    clear = _prediction("b", "bac", [0.9, 0.5, 0.0])
    alone = _prediction("b", "bac", [0.9, 0.0, -0.5])
    found = open_set([clear, alone], RULE, shortlist=3)
    assert found is not None
    assert found.false_accept.value == 0.5
    assert found.false_nothing.value == 0.0
    assert found.auroc == 0.75
    assert open_set([_prediction("b", "cab", [-0.5, -0.6, -0.7])], RULE, 3).false_nothing.value == 1


def test_only_the_shortlist_counts_as_on_the_device() -> None:
    far = _prediction("c", "abc", [0.9, 0.1, 0.0])
    found = open_set([far], RULE, shortlist=2)
    assert found is not None
    # The right product is not listed, so taking it out changes nothing.
    assert found.false_accept.value == 1.0


def test_nothing_asked_is_never_accepted() -> None:
    empty = _prediction("b", "ba", [0.9, 0.8], confidence=0.0)
    found = open_set([empty], RULE, shortlist=2)
    assert found is not None
    assert (found.false_accept.value, found.false_nothing.value, found.auroc) == (0.0, 1.0, 0.5)


def test_a_catalog_of_one_product_has_no_open_set() -> None:
    judged = judge_confidence([_prediction("a", "a", [0.9])], RULE, shortlist=4)
    assert judged is not None
    assert judged.open_set is None
    assert judged.as_dict()["open_set"] is None


def test_clips_without_labels_are_left_out() -> None:
    assert judge_confidence([_prediction(None, "ab", [0.9, 0.1])], RULE, 2) is None
    mixed = [_prediction(None, "ab", [0.9, 0.1]), _prediction("b", "ab", [0.9, 0.1])]
    judged = judge_confidence(mixed, RULE, 2)
    assert judged is not None
    assert judged.curve == ((1.0, 1.0),)
    assert judged.ece == pytest.approx(mixed[0].confidence)
