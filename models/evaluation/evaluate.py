"""Accuracy of a bundle, through the same catalog and matcher that a kiosk runs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from models.data.clip import Clip
from models.data.grocery_lpr import shop_images
from models.evaluation.accuracy import DOMAIN, Accuracy, accuracy_by_group
from models.evaluation.gallery import Enrolment, Stock, open_gallery
from models.evaluation.prediction import Prediction, Question, predict
from models.evaluation.selective import Confidence, judge_confidence
from runtime.bundle.files import file_digest
from runtime.bundle.manifest import Decision
from runtime.catalog.progress import Progress
from runtime.errors import ClipListError
from runtime.machine import describe
from runtime.matcher import Matcher
from runtime.network import Network

NOTE = "clips are sets of photos, not video"
TIES = "R@1, R@5 and MRR count every tie against the right product; r1_optimistic counts it for it"


@dataclass(frozen=True)
class Evaluation:
    """Answers to one question about clips and how good they are.

    Attributes:
        predictions: in the order of the clips.
        groups: accuracy by group of clips, `all` first; empty without labels.
        confidence: how far the confidence can be trusted; None without labels.
        question: tier, modality and text that were used.
        gallery: number of products in the catalog, distractors among them.
        enrolment: photos in the catalog; None where none were to be enrolled.
        rule: the bundle's decision.
        shortlist: K, the candidates of the re-ranker.
        bundle: name, version, precision and digest of the network.
        machine: hardware, versions and load when it was measured.
    """

    predictions: tuple[Prediction, ...]
    groups: dict[str, Accuracy]
    confidence: Confidence | None
    question: Question
    gallery: int
    enrolment: Enrolment | None
    rule: Decision
    shortlist: int
    bundle: dict[str, str]
    machine: dict[str, Any]

    @property
    def seconds_a_clip(self) -> float:
        """Mean time the runtime took for a clip; making its pictures is not counted."""
        return sum(p.seconds for p in self.predictions) / len(self.predictions)

    def as_dict(self) -> dict[str, Any]:
        """JSON-ready fields of the only question of a run, without the predictions."""
        groups = {n: g.as_dict() for n, g in self.groups.items() if not n.startswith(DOMAIN)}
        enrolment = {"enrolment": asdict(self.enrolment)} if self.enrolment else {}
        return {
            "note": NOTE,
            "ties": TIES,
            "clips": len(self.predictions),
            "gallery": self.gallery,
            **enrolment,
            **asdict(self.question),
            "bundle": self.bundle,
            "accuracy": groups or None,
            "seconds_a_clip": round(self.seconds_a_clip, 5),
            "machine": self.machine,
        }

    def answer(self) -> dict[str, Any]:
        """JSON-ready fields of one question of several: what all have in common is left out."""
        groups = {name: group.as_dict() for name, group in self.groups.items()}
        return {
            **asdict(self.question),
            "tier": self.question.tier if self.question.looks else None,
            "accuracy": groups or None,
            "confidence": self.confidence and self.confidence.as_dict(),
            "seconds_a_clip": round(self.seconds_a_clip, 5),
        }


def as_dict(answers: Sequence[Evaluation]) -> dict[str, Any]:
    """JSON-ready fields of a run of several questions, without the predictions."""
    first = answers[0]
    return {
        "note": NOTE,
        "ties": TIES,
        "clips": len(first.predictions),
        "gallery": first.gallery,
        "enrolment": first.enrolment and asdict(first.enrolment),
        "bundle": first.bundle,
        "decision": first.rule.model_dump(),
        "machine": first.machine,
        "questions": [one.answer() for one in answers],
    }


def evaluate(
    clips: Sequence[Clip],
    root: Path,
    stock: Stock,
    questions: Sequence[Question],
    bundle: Path,
    progress: Progress,
    *,
    open_network: Callable[[Path], AbstractContextManager[Network]] = Network.open,
) -> list[Evaluation]:
    """Ask a bundle for every clip and compare with the labels, where there are any.

    One catalog answers all questions, and pictures are encoded once a tier.

    Args:
        clips: at least one, of `models.data.grocery_lpr.read_clips`.
        root: the folder that photo paths are relative to.
        stock: what the catalog is made of.
        questions: at least one; each gives an evaluation.
        bundle: folder of the network bundle.
        progress: shows progress, as `runtime.commands.output.progress`.
        open_network: opens the bundle, on the processor unless it does otherwise.

    Raises:
        ClipListError: a clip cannot be rendered, or its product is not in the catalog.
        FeedError: a feed cannot be used, or both have the same product.
        BundleError: the bundle is missing or damaged.
        EngineError: a submodule does not load or run.
    """
    images = shop_images(*stock.feeds)
    _check(clips, questions, set(images))
    shown = _photo_digests(clips, root) if stock.enrol else set()
    with (
        open_network(bundle) as network,
        open_gallery(network, stock, shown, progress) as (gallery, enrolment),
    ):
        matcher = Matcher(network, gallery)
        predictions = predict(matcher, clips, questions, root, images, progress)
        about = network.bundle.manifest
        named = {"name": about.name, "version": about.version, "precision": about.precision}
        size, machine = gallery.stats().items, describe()
        return [
            Evaluation(
                predictions=tuple(answers),
                groups=accuracy_by_group(answers),
                confidence=judge_confidence(answers, about.decision, network.shortlist),
                question=question,
                gallery=size,
                enrolment=enrolment,
                rule=about.decision,
                shortlist=network.shortlist,
                bundle={**named, "digest": network.bundle.digest},
                machine=machine,
            )
            for question, answers in zip(questions, predictions, strict=True)
        ]


def _check(clips: Sequence[Clip], questions: Sequence[Question], known: set[str]) -> None:
    """Find what is missing before the long run, not within it."""
    for clip in clips:
        for question in questions:
            question.words(clip)
            clip.frames(question.tier)
        if clip.product_id is not None and clip.product_id not in known:
            raise ClipListError(
                f"clip {clip.clip_id} cannot be judged",
                why=f"its product {clip.product_id} is not in the catalog",
                fix="give the catalog that belongs to the clips",
            )


def _photo_digests(clips: Sequence[Clip], root: Path) -> set[str]:
    """Digests of every photo that a clip shows in any tier, strangers' photos included."""
    frames = (frame for clip in clips for tier in clip.tiers.values() for frame in tier)
    photos = {photo for frame in frames for photo in frame.photos}
    return {file_digest(root / photo) for photo in photos if (root / photo).is_file()}
