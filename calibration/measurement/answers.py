"""What a bundle answers to the exam: as much of it as comparing plans needs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from calibration.measurement.exam import Exam
from calibration.records.measurement import question_name
from models.data.clip import Tier
from models.evaluation.confidence import Ranked
from models.evaluation.evaluate import Evaluation, evaluate
from models.evaluation.metrics import ranks
from models.evaluation.prediction import Modality, Prediction
from runtime.bundle.manifest import Decision
from runtime.catalog.progress import Progress
from runtime.decision import confidences, verdict
from runtime.events import Candidate, EventKind

LISTED = 10
"""Products kept of each ranking."""


@dataclass(frozen=True)
class Answer:
    """The answer to one clip.

    Attributes:
        clip_id: the clip.
        product_id: the product shown.
        rank: of that product, 1 for the first; ties counted against it.
        top: the first ten products.
        scores: of the re-ranker's shortlist, not rising.
        right: place of the product in the shortlist from 0 on; None where it is not listed.
        silent: whether nothing was seen and nothing heard.
    """

    clip_id: str
    product_id: str
    rank: int
    top: tuple[str, ...]
    scores: tuple[float, ...]
    right: int | None
    silent: bool

    @property
    def ranked(self) -> Ranked:
        """The case it makes for judging confidence."""
        return Ranked(np.array(self.scores, np.float32), self.right)

    def event(self, rule: Decision) -> tuple[EventKind, str | None]:
        """What the screen says by a rule: the event and the product named."""
        scores = np.array(self.scores, np.float32)
        chance = 0.0 if self.silent else float(confidences(scores, rule)[0])
        told = verdict([Candidate(self.top[0], "", self.scores[0], chance)], rule, 0.0)
        return told.kind, told.product_id


@dataclass(frozen=True)
class Answers:
    """The answers to one question, in the order of the clips.

    Attributes:
        tier: of the pictures; None for words alone.
        modality: pictures and words, or one of them.
        enrolled: whether the catalog held the shop's own photos.
        gallery: number of products in the catalog.
        answers: a clip each.
    """

    tier: Tier | None
    modality: Modality
    enrolled: bool
    gallery: int
    answers: tuple[Answer, ...]

    @property
    def name(self) -> str:
        """The question in short."""
        return question_name(self.tier, self.modality, enrolled=self.enrolled)


@dataclass(frozen=True)
class AnswerSheet:
    """All answers of a bundle, of the catalog without photos first."""

    questions: tuple[Answers, ...]

    @property
    def without_photos(self) -> AnswerSheet:
        """The answers of the catalog without photos."""
        return AnswerSheet(tuple(one for one in self.questions if not one.enrolled))


def ask(bundle: Path, exam: Exam, progress: Progress) -> AnswerSheet:
    """Put a bundle to the exam; its catalogs are encoded by itself, as a kiosk's are.

    Raises:
        SgmnError: as `models.evaluation.evaluate.evaluate`.
    """
    found: list[Answers] = []
    for stock in exam.stocks():
        asked = evaluate(exam.clips, exam.root, stock, exam.questions, bundle, progress)
        found += [_answers(one) for one in asked]
    return AnswerSheet(tuple(found))


def _answers(found: Evaluation) -> Answers:
    question = found.question
    return Answers(
        tier=question.tier if question.looks else None,
        modality=question.modality,
        enrolled=found.enrolment is not None,
        gallery=found.gallery,
        answers=_all(found.predictions, found.shortlist),
    )


def _all(predictions: Sequence[Prediction], shortlist: int) -> tuple[Answer, ...]:
    return tuple(_answer(prediction, shortlist) for prediction in predictions)


def _answer(prediction: Prediction, shortlist: int) -> Answer:
    product = str(prediction.clip.product_id)
    place = prediction.ids.index(product)
    _, pessimistic = ranks(prediction.scores[None], np.array([place]))
    return Answer(
        clip_id=prediction.clip.clip_id,
        product_id=product,
        rank=int(pessimistic[0]),
        top=prediction.ids[:LISTED],
        scores=tuple(prediction.scores[:shortlist].tolist()),
        right=place if place < shortlist else None,
        silent=prediction.confidence == 0.0,
    )
