"""What the runtime answers to each clip."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Protocol

import numpy as np
import numpy.typing as npt

from models.data.clip import Clip, TextField, Tier
from models.data.grocery_lpr import Picture, render
from runtime.bundle.files import write_durably
from runtime.catalog.progress import Progress
from runtime.matcher import Ranking

Modality = Literal["fused", "image", "text"]


class Ranker(Protocol):
    """The part of `runtime.matcher.Matcher` that a clip needs."""

    def rank_clip(self, images: Sequence[Picture], text: str) -> Ranking:
        """Rank the whole catalog for a clip given as pictures and words."""


@dataclass(frozen=True)
class Prediction:
    """The answer to one clip.

    Attributes:
        clip: the question.
        ids: every product of the catalog, best first.
        scores: float32 [G], not rising.
        decision: the product the screen would name, or None.
        seconds: time the runtime took, rendering the pictures apart.
    """

    clip: Clip
    ids: tuple[str, ...]
    scores: npt.NDArray[np.float32]
    decision: str | None
    seconds: float

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

    def words(self, clip: Clip) -> str:
        """The words of a clip; empty for pictures alone."""
        return "" if self.modality == "image" else clip.text(self.text_field)

    def pictures(self, clip: Clip, root: Path, images: Mapping[str, Path]) -> list[Picture]:
        """The pictures of a clip; none for words alone."""
        if self.modality == "text":
            return []
        return render(clip, self.tier, root, images=images)


def predict(
    ranker: Ranker,
    clips: Sequence[Clip],
    question: Question,
    root: Path,
    images: Mapping[str, Path],
    progress: Progress,
) -> list[Prediction]:
    """Ask the runtime for every clip.

    Args:
        ranker: an open matcher.
        clips: of `models.data.grocery_lpr.read_clips`.
        question: tier, modality and text.
        root: the folder that photo paths are relative to.
        images: shop image of each product, for frames that show one.
        progress: shows progress, as `runtime.commands.output.progress`.

    Raises:
        ClipListError: a clip lacks the text or the tier, or cannot be rendered.
    """
    shown = progress(clips, label="Asking for clips", total=len(clips))
    return [_answer(ranker, clip, question, root, images) for clip in shown]


def _answer(
    ranker: Ranker, clip: Clip, question: Question, root: Path, images: Mapping[str, Path]
) -> Prediction:
    pictures, words = question.pictures(clip, root, images), question.words(clip)
    begun = time.perf_counter()
    ranking = ranker.rank_clip(pictures, words)
    seconds = time.perf_counter() - begun
    decision = ranking.event.product_id
    return Prediction(clip, tuple(ranking.ids), ranking.scores, decision, seconds)


def write_predictions(path: Path, predictions: Iterable[Prediction]) -> None:
    """Write a line a clip; the file is complete or not there at all.

    Raises:
        OSError: the folder cannot be written or the disk is full.
    """
    lines = (json.dumps(prediction.as_dict(), allow_nan=False) for prediction in predictions)
    write_durably(path, "".join(f"{line}\n" for line in lines).encode())
