"""What the runtime answers to each clip."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Protocol

import numpy as np
import numpy.typing as npt

from models.data.clip import Clip, TextField, Tier
from models.data.grocery_lpr import Picture, render
from runtime.bundle.files import write_durably
from runtime.catalog.progress import Progress
from runtime.lexical.hearing import Heard
from runtime.matcher import Ranking
from runtime.memory import EncodedFrame

Modality = Literal["fused", "image", "text"]


class Ranker(Protocol):
    """The part of `runtime.matcher.Matcher` that a clip needs."""

    def encode_clip(self, images: Sequence[Picture]) -> list[EncodedFrame]:
        """Encode the frames of a clip given as pictures."""

    def read(self, words: str) -> Heard:
        """What the words say; empty words say nothing."""

    def rank(self, frames: list[EncodedFrame], heard: Heard) -> Ranking:
        """Rank the whole catalog for encoded frames and words."""


@dataclass(frozen=True)
class Prediction:
    """The answer to one clip.

    Attributes:
        clip: the question.
        ids: every product of the catalog, best first.
        scores: float32 [G], not rising.
        decision: the product the screen would name, or None.
        seconds: time the runtime took, rendering the pictures apart.
        confidence: of the first product, in [0, 1]; 0 where nothing was asked.
    """

    clip: Clip
    ids: tuple[str, ...]
    scores: npt.NDArray[np.float32]
    decision: str | None
    seconds: float
    confidence: float = 0.0

    def as_dict(self) -> dict[str, Any]:
        """JSON-ready fields; the scores keep every digit, so that no tie is made."""
        return {
            "clip_id": self.clip.clip_id,
            "ranked": list(self.ids),
            "scores": self.scores.tolist(),
            "decision": self.decision,
        }


@dataclass(frozen=True)
class Question:
    """How clips are put to the runtime.

    Attributes:
        tier: of the pictures.
        modality: pictures and words, or one of them alone.
        text_field: which words.
    """

    tier: Tier = "L0"
    modality: Modality = "fused"
    text_field: TextField = "text_asr"

    @property
    def looks(self) -> bool:
        """Whether pictures are part of it; words alone are the same in every tier."""
        return self.modality != "text"

    @property
    def name(self) -> str:
        """Tier and modality in short."""
        return f"{self.tier} {self.modality}" if self.looks else "text"

    def words(self, clip: Clip) -> str:
        """The words of a clip; empty for pictures alone."""
        return "" if self.modality == "image" else clip.text(self.text_field)


def questions_of(
    tiers: Sequence[Tier], modalities: Sequence[Modality], text_field: TextField
) -> list[Question]:
    """Every tier with every modality; words alone, which have no tier, once."""
    asked = [Question(tier, modality, text_field) for tier in tiers for modality in modalities]
    return [q for q in dict.fromkeys(asked) if q.looks or q.tier == tiers[0]]


def predict(
    ranker: Ranker,
    clips: Sequence[Clip],
    questions: Sequence[Question],
    root: Path,
    images: Mapping[str, Path],
    progress: Progress,
) -> list[list[Prediction]]:
    """Ask the runtime for every clip, each question.

    A clip's pictures go through the network once a tier, its words once, however many questions
    need them.

    Args:
        ranker: an open matcher.
        clips: of `models.data.grocery_lpr.read_clips`.
        questions: at least one.
        root: the folder that photo paths are relative to.
        images: shop image of each product, for frames that show one.
        progress: shows progress, as `runtime.commands.output.progress`.

    Returns:
        The predictions of each question, in the order of the clips.

    Raises:
        ClipListError: a clip lacks the text or the tier, or cannot be rendered.
    """
    shown = progress(clips, label="Asking for clips", total=len(clips))
    answers = [_Asked(ranker, clip, root, images).all(questions) for clip in shown]
    return [list(column) for column in zip(*answers, strict=True)]


class _Asked:
    """One clip with what the network made of it so far, and the seconds that took."""

    def __init__(self, ranker: Ranker, clip: Clip, root: Path, images: Mapping[str, Path]) -> None:
        self._ranker = ranker
        self._clip = clip
        self._root = root
        self._images = images
        self._seen: dict[Tier, tuple[list[EncodedFrame], float]] = {}
        self._heard: dict[str, tuple[Heard, float]] = {}

    def all(self, questions: Sequence[Question]) -> list[Prediction]:
        return [self._answer(question) for question in questions]

    def _answer(self, question: Question) -> Prediction:
        frames, looking = self._frames(question.tier) if question.looks else ([], 0.0)
        words, reading = self._words(question.words(self._clip))
        begun = time.perf_counter()
        ranking = self._ranker.rank(frames, words)
        seconds = looking + reading + time.perf_counter() - begun
        event = ranking.event
        return Prediction(
            self._clip, ranking.ids, ranking.scores, event.product_id, seconds, event.confidence
        )

    def _frames(self, tier: Tier) -> tuple[list[EncodedFrame], float]:
        if tier not in self._seen:
            pictures = render(self._clip, tier, self._root, images=self._images)
            begun = time.perf_counter()
            frames = self._ranker.encode_clip(pictures)
            self._seen[tier] = frames, time.perf_counter() - begun
        return self._seen[tier]

    def _words(self, words: str) -> tuple[Heard, float]:
        if words not in self._heard:
            begun = time.perf_counter()
            read = self._ranker.read(words)
            self._heard[words] = read, time.perf_counter() - begun
        return self._heard[words]


Answers = Sequence[tuple[Question, Sequence[Prediction]]]


def write_predictions(path: Path, answers: Answers) -> None:
    """Write a line a clip and question; the file is complete or not there at all.

    With one question a line is `Prediction.as_dict`; with several it also tells the tier (None for
    words alone), the modality and the confidence.

    Raises:
        OSError: the folder cannot be written or the disk is full.
    """
    lines = [
        json.dumps(_line(question, prediction, alone=len(answers) == 1), allow_nan=False)
        for question, predictions in answers
        for prediction in predictions
    ]
    write_durably(path, "".join(f"{line}\n" for line in lines).encode())


def _line(question: Question, prediction: Prediction, *, alone: bool) -> dict[str, Any]:
    line = prediction.as_dict()
    if alone:
        return line
    tier = question.tier if question.looks else None
    asked = {"tier": tier, "modality": question.modality}
    return {**asked, **line, "confidence": prediction.confidence}
