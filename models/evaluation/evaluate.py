"""Accuracy of a bundle, through the same catalog and matcher that a kiosk runs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from models.data.clip import Clip
from models.data.grocery_lpr import shop_images
from models.evaluation.accuracy import Accuracy, accuracy_by_group
from models.evaluation.gallery import open_gallery
from models.evaluation.prediction import Prediction, Question, predict
from runtime.catalog.progress import Progress
from runtime.errors import ClipListError
from runtime.machine import describe
from runtime.matcher import Matcher
from runtime.network import Network

NOTE = "clips are sets of photos, not video"
TIES = "R@1, R@5 and MRR count every tie against the right product; r1_optimistic counts it for it"


@dataclass(frozen=True)
class Evaluation:
    """Answers to clips and how good they are.

    Attributes:
        predictions: in the order of the clips.
        groups: accuracy by group of clips, `all` first; empty without labels.
        question: tier, modality and text that were used.
        gallery: number of products in the catalog, distractors among them.
        bundle: name, version, precision and digest of the network.
        machine: hardware, versions and load when it was measured.
    """

    predictions: tuple[Prediction, ...]
    groups: dict[str, Accuracy]
    question: Question
    gallery: int
    bundle: dict[str, str]
    machine: dict[str, Any]

    @property
    def seconds_a_clip(self) -> float:
        """Mean time the runtime took for a clip; making its pictures is not counted."""
        return sum(p.seconds for p in self.predictions) / len(self.predictions)

    def as_dict(self) -> dict[str, Any]:
        """JSON-ready fields, without the predictions."""
        groups = {name: group.as_dict() for name, group in self.groups.items()}
        return {
            "note": NOTE,
            "ties": TIES,
            "clips": len(self.predictions),
            "gallery": self.gallery,
            **asdict(self.question),
            "bundle": self.bundle,
            "accuracy": groups or None,
            "seconds_a_clip": round(self.seconds_a_clip, 5),
            "machine": self.machine,
        }


def evaluate(
    clips: Sequence[Clip],
    root: Path,
    catalog: Path,
    distractors: Path | None,
    question: Question,
    bundle: Path,
    progress: Progress,
) -> Evaluation:
    """Ask a bundle for every clip and compare with the labels, where there are any.

    Args:
        clips: at least one, of `models.data.grocery_lpr.read_clips`.
        root: the folder that photo paths are relative to.
        catalog: feed of the products, which also gives the images pasted into frames.
        distractors: feed of further products, which no clip shows.
        question: tier, modality and text.
        bundle: folder of the network bundle.
        progress: shows progress, as `runtime.commands.output.progress`.

    Raises:
        ClipListError: a clip cannot be rendered, or its product is not in the catalog.
        FeedError: a feed cannot be used, or both have the same product.
        BundleError: the bundle is missing or damaged.
        EngineError: a submodule does not load or run.
    """
    feeds = [feed for feed in (catalog, distractors) if feed is not None]
    images = shop_images(*feeds)
    _check(clips, question, set(images))
    with Network.open(bundle) as network, open_gallery(network, feeds, progress) as gallery:
        matcher = Matcher(network, gallery)
        predictions = predict(matcher, clips, question, root, images, progress)
        about = network.bundle.manifest
        named = {"name": about.name, "version": about.version, "precision": about.precision}
        return Evaluation(
            predictions=tuple(predictions),
            groups=accuracy_by_group(predictions),
            question=question,
            gallery=gallery.stats().items,
            bundle={**named, "digest": network.bundle.digest},
            machine=describe(),
        )


def _check(clips: Sequence[Clip], question: Question, known: set[str]) -> None:
    """Find what is missing before the long run, not within it."""
    for clip in clips:
        question.words(clip)
        clip.frames(question.tier)
        if clip.product_id is not None and clip.product_id not in known:
            raise ClipListError(
                f"clip {clip.clip_id} cannot be judged",
                why=f"its product {clip.product_id} is not in the catalog",
                fix="give the catalog that belongs to the clips",
            )
