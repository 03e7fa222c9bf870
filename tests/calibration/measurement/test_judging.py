"""Answer sheets beside one another."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from calibration.measurement.answers import Answer, Answers, AnswerSheet, ask
from calibration.measurement.judging import (
    accuracy,
    agreement,
    confidence_error,
    fitted_rule,
    r1,
    r1_change,
)
from models.evaluation.evaluate import evaluate
from runtime.bundle.manifest import Decision
from runtime.events import EventKind
from tests.calibration.measurement.made_up_plans import exam_of
from tests.export.conftest import Exported
from tests.models.made_up_bank import quiet
from tests.models.made_up_shop import PRODUCTS

RULE = Decision(temperature=0.1, open_set_score=0.3)


def _answer(rank: int = 1, product: str = "pear", scores: tuple[float, ...] = (0.9, 0.1)) -> Answer:
    others = [one for one in PRODUCTS if one != product]
    top = (*others[: rank - 1], product, *others[rank - 1 :])
    return Answer(f"val-{product}", product, rank, top, scores, rank - 1, False)


def _sheet(*answers: Answer) -> AnswerSheet:
    return AnswerSheet((Answers("L0", "fused", False, 4, answers),))


def test_a_paired_change_is_small_where_the_same_clips_fail() -> None:
    before = _sheet(_answer(1), _answer(2, "plum"), _answer(1, "red-milk"))
    after = _sheet(_answer(1), _answer(2, "plum"), _answer(3, "red-milk"))
    assert r1(before).value == pytest.approx(2 / 3)
    assert r1_change(after, before).value == pytest.approx(-1 / 3)
    same = r1_change(before, before)
    assert (same.value, same.low, same.high) == (0.0, 0.0, 0.0)
    (row,) = accuracy(after, before)
    assert row.r1_change == r1_change(after, before)
    assert row.mrr.value == pytest.approx((1 + 1 / 2 + 1 / 3) / 3)


def test_rank_changes_are_those_that_fell_worst_first(exported: Exported) -> None:
    before = _sheet(_answer(1), _answer(2, "plum"), _answer(2, "red-milk"))
    after = _sheet(_answer(2), _answer(4, "plum"), _answer(1, "red-milk"))
    found = agreement(after, before, RULE, exam_of(exported)).rank_changes
    assert [(one.product_id, one.before, one.after) for one in found] == [
        ("pear", 1, 2),
        ("plum", 2, 4),
    ]
    assert (found[0].title, found[0].named_id) == ("Green Pear", "red-milk")
    assert found[0].named_title == "Red Milk"
    assert found[0].photos[0] == "dev/images/val/pear_0.png"


def test_decisions_differ_in_event_or_product(exported: Exported) -> None:
    exam = exam_of(exported)
    sure, unsure = _answer(1), _answer(1, scores=(0.35, 0.34))
    assert sure.event(RULE) == (EventKind.PRESENT, "pear")
    assert unsure.event(RULE)[0] is EventKind.UNSURE
    assert replace(sure, silent=True).event(RULE)[0] is EventKind.NOTHING
    other = _answer(2)
    assert other.event(RULE) == (EventKind.PRESENT, "red-milk")
    for changed in (unsure, other, replace(sure, silent=True)):
        found = agreement(_sheet(changed, sure), _sheet(sure, sure), RULE, exam)
        assert found.decision_changes == 0.5


def test_agreement_is_the_share_of_the_first_ten_in_common(exported: Exported) -> None:
    before = replace(_answer(), top=tuple("abcdefghij"))
    after = replace(before, top=tuple("jihgfxyzvw"))
    found = agreement(_sheet(after, before), _sheet(before, before), RULE, exam_of(exported))
    assert found.top10 == pytest.approx((0.5 + 1.0) / 2)


def test_a_rule_of_its_own_mends_confidence() -> None:
    """Right seven times of ten, with scores that the wrong rule is sure of."""
    answers = [_answer(1 if i % 10 < 7 else 2, scores=(0.7, 0.5)) for i in range(40)]
    sheet = _sheet(*answers)
    found = confidence_error(sheet, replace_rule(0.01))
    assert found.before > 0.2
    assert found.after < 0.12
    assert fitted_rule(sheet, RULE).temperature > 0.05


def replace_rule(temperature: float) -> Decision:
    return RULE.model_copy(update={"temperature": temperature})


def test_answers_tell_what_the_runtime_decided(exported: Exported) -> None:
    """By the bundle's own rule, the events of the kept answers are those of the evaluation."""
    exam = exam_of(exported)
    sheet = ask(exported.bundle, exam, quiet)
    found = evaluate(exam.clips, exam.root, exam.stock, exam.questions, exported.bundle, quiet)
    rule = exported.manifest.decision
    for answers, one in zip(sheet.questions, found, strict=True):
        assert [a.event(rule)[1] for a in answers.answers] == [p.decision for p in one.predictions]
        assert [a.rank for a in answers.answers] == [
            p.ids.index(str(p.clip.product_id)) + 1 for p in one.predictions
        ]


def test_with_photos_every_question_is_asked_twice(exported: Exported, tmp_path: Path) -> None:
    sheet = ask(exported.bundle, exam_of(exported, enrol=True), quiet)
    assert [one.name for one in sheet.questions] == [
        "L0 fused",
        "L3 image",
        "L0 fused, enrolled",
        "L3 image, enrolled",
    ]
    plain = ask(exported.bundle, exam_of(exported), quiet)
    assert sheet.questions[:2] == plain.questions
    assert sheet.questions[3] != replace(plain.questions[1], enrolled=True)
