"""Accuracy of made-up predictions, worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest

from models.data.clip import Clip
from models.evaluation.accuracy import accuracy, accuracy_by_group
from models.evaluation.prediction import Prediction


def _prediction(
    product: str | None,
    ranked: str,
    scores: list[float],
    decision: str | None = None,
    novel: bool | None = None,
    kind: str | None = None,
) -> Prediction:
    clip = Clip("c", {}, product_id=product, novel=novel, asr_kind=kind)
    return Prediction(clip, tuple(ranked), np.array(scores, np.float32), decision, 0.1)


def test_figures_by_hand() -> None:
    found = accuracy(
        [
            _prediction("a", "abc", [0.9, 0.5, 0.1], "a"),
            _prediction("b", "abc", [0.9, 0.5, 0.1], "a"),
            _prediction("c", "abc", [0.9, 0.5, 0.1], None),
            _prediction("a", "abc", [0.9, 0.8, 0.1], "a"),
        ]
    )
    assert (found.clips, found.products) == (4, 3)
    assert found.r1.value == 0.5
    assert found.r1_optimistic.value == 0.5
    assert found.r5.value == 1.0
    assert found.mrr.value == pytest.approx((1 + 1 / 2 + 1 / 3 + 1) / 4)
    assert found.coverage.value == 0.75
    assert found.precision is not None
    assert found.precision.value == pytest.approx(2 / 3)


def test_a_tie_at_the_top_is_not_a_hit() -> None:
    found = accuracy([_prediction("a", "abc", [0.9, 0.9, 0.1])])
    assert found.r1.value == 0.0
    assert found.r1_optimistic.value == 1.0
    assert found.mrr.value == 0.5


def test_no_decision_has_no_precision() -> None:
    found = accuracy([_prediction("a", "ab", [0.9, 0.1])])
    assert found.coverage.value == 0.0
    assert found.precision is None
    assert found.as_dict()["precision"] is None


def test_groups_and_their_order() -> None:
    right, wrong = [0.9, 0.1], [0.1, -0.9]
    groups = accuracy_by_group(
        [
            _prediction("a", "ab", right, novel=True, kind="named"),
            _prediction("b", "ab", wrong, novel=False, kind="chat"),
            _prediction(None, "ab", right, novel=True, kind="chat"),
        ]
    )
    assert list(groups) == ["all", "seen", "novel", "speech chat", "speech named"]
    assert {name: g.clips for name, g in groups.items()}["all"] == 2
    assert groups["novel"].r1.value == 1.0
    assert groups["seen"].r1.value == 0.0


def test_without_labels_there_are_no_groups() -> None:
    assert accuracy_by_group([_prediction(None, "ab", [0.9, 0.1])]) == {}
