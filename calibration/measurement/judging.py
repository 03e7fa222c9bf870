"""A plan's answers beside those of FP32 to the same exam."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np

from calibration.confidence import fit_decision
from calibration.measurement.answers import Answer, Answers, AnswerSheet
from calibration.measurement.exam import Exam
from calibration.records.measurement import (
    Agreement,
    ConfidenceError,
    QuestionAccuracy,
    RankChange,
)
from models.evaluation.confidence import (
    Ranked,
    expected_error,
    outcomes,
    reliability,
    with_absent,
)
from models.evaluation.difference import paired_difference
from models.evaluation.metrics import Estimate, mrr, recall_at_k
from runtime.bundle.manifest import Decision

SHOWN_CHANGES = 8

Pair = tuple[Answers, Answer, Answer]
"""Question, answer of FP32 and answer of the plan to the same clip."""


def accuracy(sheet: AnswerSheet, reference: AnswerSheet) -> tuple[QuestionAccuracy, ...]:
    """How well all questions and every one of them are answered, beside FP32's answers."""
    asked = zip(sheet.questions, reference.questions, strict=True)
    rows = tuple(_accuracy(now, before) for now, before in asked)
    return rows if len(rows) == 1 else (_overall(sheet, reference), *rows)


def r1(sheet: AnswerSheet) -> Estimate:
    """R@1 of all answers together."""
    answers = _all(sheet)
    rank = np.array([answer.rank for answer in answers], np.int64)
    return recall_at_k(rank, 1, [answer.product_id for answer in answers])


def r1_change(sheet: AnswerSheet, reference: AnswerSheet) -> Estimate:
    """R@1 of all answers together minus that of other answers to the same, paired."""
    return _change(_all(sheet), _all(reference))


def agreement(sheet: AnswerSheet, reference: AnswerSheet, rule: Decision, exam: Exam) -> Agreement:
    """How alike two answer sheets are.

    Args:
        sheet: the plan's.
        reference: FP32's.
        rule: judges both, so that only the networks differ.
        exam: knows titles and photos.
    """
    pairs = list(_pairs(sheet, reference))
    shared = [len(set(a.top) & set(b.top)) / len(b.top) for _, b, a in pairs]
    changed = [a.event(rule) != b.event(rule) for _, b, a in pairs]
    fallen = [pair for pair in pairs if _loss(pair) > 0]
    worst = sorted(fallen, key=lambda pair: (-_loss(pair), pair[1].clip_id))[:SHOWN_CHANGES]
    return Agreement(
        top10=float(np.mean(shared)),
        decision_changes=float(np.mean(changed)),
        rank_changes=tuple(_rank_change(pair, exam) for pair in worst),
    )


def fitted_rule(sheet: AnswerSheet, start: Decision) -> Decision:
    """The decision rule whose confidences hold best for these answers."""
    return fit_decision(_cases(sheet), start)


def confidence_error(sheet: AnswerSheet, rule: Decision) -> ConfidenceError:
    """Calibration error before and after a rule of the plan's own.

    Args:
        sheet: the plan's answers.
        rule: the one that fits FP32.
    """
    cases = with_absent(_cases(sheet))
    before, after = (reliability(*outcomes(cases, one)) for one in (rule, fitted_rule(sheet, rule)))
    return ConfidenceError(expected_error(before), expected_error(after), before, after)


def _accuracy(now: Answers, before: Answers) -> QuestionAccuracy:
    row = _row(now.answers, before.answers)
    return replace(row, tier=now.tier, modality=now.modality, enrolled=now.enrolled)


def _overall(sheet: AnswerSheet, reference: AnswerSheet) -> QuestionAccuracy:
    return _row(_all(sheet), _all(reference))


def _row(now: Sequence[Answer], before: Sequence[Answer]) -> QuestionAccuracy:
    products = [answer.product_id for answer in now]
    rank = np.array([answer.rank for answer in now], np.int64)
    return QuestionAccuracy(
        tier=None,
        modality=None,
        enrolled=False,
        clips=len(products),
        r1=recall_at_k(rank, 1, products),
        r5=recall_at_k(rank, 5, products),
        mrr=mrr(rank, products),
        r1_change=_change(now, before),
    )


def _all(sheet: AnswerSheet) -> list[Answer]:
    return [answer for one in sheet.questions for answer in one.answers]


def _change(now: Sequence[Answer], before: Sequence[Answer]) -> Estimate:
    found = [(a.product_id, a.rank, b.rank) for a, b in zip(now, before, strict=True)]
    return paired_difference(found).r1


def _pairs(sheet: AnswerSheet, reference: AnswerSheet) -> Iterator[Pair]:
    for now, before in zip(sheet.questions, reference.questions, strict=True):
        for after, earlier in zip(now.answers, before.answers, strict=True):
            yield now, earlier, after


def _loss(pair: Pair) -> float:
    """In reciprocal rank: a fall from the first place weighs more than one far below."""
    _, before, after = pair
    return 1 / before.rank - 1 / after.rank


def _rank_change(pair: Pair, exam: Exam) -> RankChange:
    question, before, after = pair
    clip = {clip.clip_id: clip for clip in exam.clips}[after.clip_id]
    frames = clip.frames(question.tier) if question.tier else ()
    return RankChange(
        clip_id=after.clip_id,
        question=question.name,
        product_id=after.product_id,
        title=exam.items[after.product_id].title,
        before=before.rank,
        after=after.rank,
        named_id=after.top[0],
        named_title=exam.items[after.top[0]].title,
        photos=tuple(frame.src for frame in frames),
    )


def _cases(sheet: AnswerSheet) -> Sequence[Ranked]:
    return [answer.ranked for one in sheet.questions for answer in one.answers]
