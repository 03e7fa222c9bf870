"""Two sets of answers to the same clips: is one better, or is it chance?"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import BaseModel, ConfigDict, ValidationError

from models.data.clip import Tier
from models.evaluation.accuracy import groups_of, place_of
from models.evaluation.metrics import Estimate, estimate, ranks
from models.evaluation.prediction import Modality, Prediction, Question
from runtime.errors import InputError

Asked = tuple[Tier | None, Modality] | None
"""Tier and modality of a line; None in a file of one question, which does not tell."""


@dataclass(frozen=True)
class Difference:
    """How much better a group of clips was answered than before; intervals are paired.

    Attributes:
        clips: number of clips.
        r1: R@1 now minus R@1 before, ties counted against both; likewise the others.
    """

    clips: int
    r1: Estimate
    r5: Estimate
    mrr: Estimate

    def as_dict(self) -> dict[str, Any]:
        """JSON-ready fields."""
        values = {name: getattr(self, name).as_dict() for name in ("r1", "r5", "mrr")}
        return {"clips": self.clips, **values}


class _Line(BaseModel):
    model_config = ConfigDict(frozen=True)

    clip_id: str
    ranked: tuple[str, ...]
    scores: tuple[float, ...]
    tier: Tier | None = None
    modality: Modality | None = None

    @property
    def asked(self) -> Asked:
        return None if self.modality is None else (self.tier, self.modality)


class Earlier:
    """A file of predictions, as `models.evaluation.prediction.write_predictions` writes it.

    Args:
        path: names it in errors.
        lines: its lines by question and clip.
    """

    def __init__(self, path: Path, lines: Mapping[Asked, Mapping[str, _Line]]) -> None:
        self._path = path
        self._lines = lines

    @classmethod
    def read(cls, path: Path) -> Earlier:
        """Read a file.

        Raises:
            InputError: it is missing, or a line is not a prediction.
        """
        try:
            texts = path.read_text(encoding="utf-8").splitlines()
        except (OSError, UnicodeDecodeError) as error:
            raise InputError(
                f"cannot read the predictions {path}", why=str(error), fix="check the path"
            ) from error
        lines: dict[Asked, dict[str, _Line]] = {}
        for number, text in enumerate(texts, start=1):
            try:
                line = _Line.model_validate_json(text)
            except ValidationError as error:
                first = error.errors(include_url=False)[0]
                raise InputError(
                    f"{path}, line {number} is not a prediction",
                    why=first["msg"],
                    fix="give a file written by: sgmn evaluate --predictions",
                ) from error
            lines.setdefault(line.asked, {})[line.clip_id] = line
        return cls(path, lines)

    def check(self, questions: Sequence[Question]) -> None:
        """See that all questions are in the file, before the long run.

        Raises:
            InputError: one is not, or the file does not tell which of several it answers.
        """
        for question in questions:
            self._answers(question, alone=len(questions) == 1)

    def differences(
        self, question: Question, predictions: Sequence[Prediction], *, alone: bool
    ) -> dict[str, Difference]:
        """How much better the labelled clips were answered than in the file, by group.

        Args:
            question: the one that was asked.
            predictions: the answers.
            alone: whether it was the only question.

        Raises:
            InputError: the file lacks the question, a clip or its product.
        """
        lines = self._answers(question, alone=alone)
        members: dict[str, list[tuple[str, int, int]]] = {}
        for now in predictions:
            product = now.clip.product_id
            if product is not None:
                before = self._rank(lines.get(now.clip.clip_id), now.clip.clip_id, product)
                rank = _rank(now.ids, now.scores.tolist(), product)
                for group in groups_of(now.clip):
                    members.setdefault(group, []).append((product, rank, before))
        return {group: paired_difference(members[group]) for group in sorted(members, key=place_of)}

    def _answers(self, question: Question, *, alone: bool) -> Mapping[str, _Line]:
        asked = (question.tier if question.looks else None, question.modality)
        found = self._lines.get(asked) or (self._lines.get(None) if alone else None)
        if not found:
            raise InputError(
                f"{self._path} does not answer the question {question.name}",
                why="it holds other questions, or does not tell which one",
                fix="give a file that was written for the same questions",
            )
        return found

    def _rank(self, line: _Line | None, clip_id: str, product: str) -> int:
        if line is None or product not in line.ranked or len(line.ranked) != len(line.scores):
            raise InputError(
                f"{self._path} cannot be compared with",
                why=f"it has no answer to clip {clip_id}, or not with product {product}",
                fix="give a file that was written for the same clips and catalog",
            )
        return _rank(line.ranked, line.scores, product)


def _rank(ids: Sequence[str], scores: Sequence[float], product: str) -> int:
    """Rank of a product, ties counted against it."""
    _, pessimistic = ranks(np.array([scores]), np.array([ids.index(product)]))
    return int(pessimistic[0])


def paired_difference(found: Sequence[tuple[str, int, int]]) -> Difference:
    """How much better clips are answered than before.

    Args:
        found: product, rank now and rank before of each clip.
    """
    products = [product for product, _, _ in found]

    def gain(worth: Callable[[int], float]) -> Estimate:
        values = [worth(now) - worth(before) for _, now, before in found]
        return estimate(np.array(values, np.float64), products)

    return Difference(
        clips=len(found),
        r1=gain(lambda rank: rank <= 1),
        r5=gain(lambda rank: rank <= 5),
        mrr=gain(lambda rank: 1 / rank),
    )
