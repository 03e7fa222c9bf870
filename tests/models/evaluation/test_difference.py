"""Paired differences between two sets of answers."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from models.data.clip import Clip
from models.evaluation.difference import Earlier
from models.evaluation.prediction import Prediction, Question, write_predictions
from runtime.errors import InputError

FUSED, IMAGE = Question(), Question(modality="image")


def _prediction(number: int, right: bool, product: str = "") -> Prediction:
    own = product or f"p{number}"
    scores = np.array([0.9, 0.5], np.float32)
    ids = (own, "other") if right else ("other", own)
    return Prediction(Clip(f"c{number}", {}, product_id=own), ids, scores, None, 0.1)


def _set(rights: list[bool]) -> list[Prediction]:
    return [_prediction(number, right) for number, right in enumerate(rights)]


def test_pairing_makes_a_small_but_constant_gain_visible(tmp_path: Path) -> None:
    before = [i % 2 == 0 for i in range(40)]
    after = [i % 2 == 0 or i % 4 == 1 for i in range(40)]
    write_predictions(tmp_path / "a.jsonl", [(FUSED, _set(before))])
    found = Earlier.read(tmp_path / "a.jsonl").differences(FUSED, _set(after), alone=True)["all"]
    assert found.clips == 40
    assert found.r1.value == 0.25
    assert found.r1.low is not None
    assert found.r1.low > 0.1, "unpaired intervals of 50 and 75 % would overlap"
    assert found.r5.value == 0.0
    assert found.mrr.value == pytest.approx(0.125)


def test_ties_count_against_both(tmp_path: Path) -> None:
    tied = Prediction(
        Clip("c0", {}, product_id="p0"), ("p0", "x"), np.ones(2, np.float32), None, 0.1
    )
    write_predictions(tmp_path / "a.jsonl", [(FUSED, [tied])])
    earlier = Earlier.read(tmp_path / "a.jsonl")
    assert earlier.differences(FUSED, [tied], alone=True)["all"].r1.value == 0.0
    assert earlier.differences(FUSED, _set([True]), alone=True)["all"].r1.value == 1.0


def test_questions_are_told_apart(tmp_path: Path) -> None:
    write_predictions(tmp_path / "a.jsonl", [(FUSED, _set([True])), (IMAGE, _set([False]))])
    earlier = Earlier.read(tmp_path / "a.jsonl")
    earlier.check([FUSED, IMAGE])
    for question, gain in ((FUSED, 0.0), (IMAGE, 1.0)):
        found = earlier.differences(question, _set([True]), alone=False)
        assert found["all"].r1.value == gain
    with pytest.raises(InputError, match="question L3 fused"):
        earlier.check([Question("L3")])


def test_a_file_of_one_question_answers_only_one(tmp_path: Path) -> None:
    write_predictions(tmp_path / "a.jsonl", [(FUSED, _set([True]))])
    earlier = Earlier.read(tmp_path / "a.jsonl")
    earlier.check([IMAGE])
    with pytest.raises(InputError, match="does not tell which"):
        earlier.check([FUSED, IMAGE])


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"clip_id": "c9"}, "no answer to clip c0"),
        ({"ranked": ["x", "y"]}, "not with product p0"),
        ({"scores": [1.0]}, "cannot be compared"),
    ],
)
def test_other_clips_cannot_be_compared(tmp_path: Path, change: dict[str, Any], said: str) -> None:
    line = {"clip_id": "c0", "ranked": ["p0", "x"], "scores": [1.0, 0.0], "decision": None}
    (tmp_path / "a.jsonl").write_text(json.dumps({**line, **change}), encoding="utf-8")
    with pytest.raises(InputError, match=said):
        Earlier.read(tmp_path / "a.jsonl").differences(FUSED, _set([True]), alone=True)


@pytest.mark.parametrize("text", ["not json", '{"clip_id": "a"}', ""])
def test_other_files_are_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "a.jsonl").write_text(text + "\n", encoding="utf-8")
    with pytest.raises(InputError, match="line 1 is not a prediction"):
        Earlier.read(tmp_path / "a.jsonl")
    with pytest.raises(InputError, match="cannot read"):
        Earlier.read(tmp_path / "none.jsonl")
