"""Calibrating the confidence of a whole bundle on labelled clips."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from calibration.confidence import fit_decision
from export.bundle import new_folder
from models.data.clip import Clip, Tier
from models.data.grocery_lpr import read_clips
from models.evaluation.confidence import Ranked, calibration_error, ranked, with_absent
from models.evaluation.evaluate import Evaluation, evaluate
from models.evaluation.gallery import Stock
from models.evaluation.prediction import Modality, Question
from runtime.bundle.manifest import Decision
from runtime.bundle.reader import open_bundle
from runtime.bundle.writer import seal
from runtime.catalog.progress import Progress
from runtime.errors import ClipListError

CONDITIONS: tuple[tuple[Tier, Modality], ...] = (
    ("L0", "fused"),
    ("L0", "image"),
    ("L3", "fused"),
    ("L3", "image"),
)
"""The screen must know when to be silent, so hard and speechless clips count as well."""


@dataclass(frozen=True)
class Fitted:
    """A fitted decision rule and the calibration error before and after, on the same clips."""

    decision: Decision
    error_before: float
    error_after: float

    def as_dict(self) -> dict[str, Any]:
        """JSON-ready fields."""
        return {
            "decision": self.decision.model_dump(),
            "calibration_error": {"before": self.error_before, "after": self.error_after},
        }


def calibrate_bundle(
    bundle: Path, manifest: Path, root: Path, catalog: Path, out: Path, progress: Progress
) -> Fitted:
    """Write a copy of a bundle whose confidence is fitted to clips.

    Args:
        bundle: folder of the bundle.
        manifest: labelled clips.
        root: the folder that photo paths are relative to.
        catalog: feed of the products.
        out: the new bundle's folder; must not exist.
        progress: shows progress.

    Raises:
        BundleError: the bundle is damaged.
        ClipListError: a clip has no label, or lacks a tier or a photo.
        StorageError: ``out`` exists.
    """
    with new_folder(out) as folder:
        source = open_bundle(bundle)
        clips = _labelled(manifest, root)
        questions = [Question(tier, modality) for tier, modality in CONDITIONS]
        answers = evaluate(clips, root, Stock(catalog), questions, bundle, progress)
        cases = [ranked(p, one.shortlist) for one in answers for p in one.predictions]
        accuracy = [_accuracy(one, manifest.name) for one in answers]
        fitted = _fitted(cases, source.manifest.decision)
        for name in source.manifest.files:
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source.folder / name, folder / name)
        notes = {"clips": manifest.name, "conditions": CONDITIONS, **fitted.as_dict()}
        provenance = {**source.manifest.provenance, "confidence": notes}
        changes = {
            "decision": fitted.decision,
            "accuracy": accuracy,
            "provenance": provenance,
        }
        seal(folder, source.manifest.model_copy(update=changes))
    return fitted


def _labelled(manifest: Path, root: Path) -> list[Clip]:
    clips = read_clips(manifest, root)
    unlabelled = [clip.clip_id for clip in clips if clip.product_id is None]
    if unlabelled:
        raise ClipListError(
            f"{manifest} cannot be calibrated with",
            why=f"{len(unlabelled)} clips name no product, the first is {unlabelled[0]}",
            fix="give clips with labels",
        )
    return clips


def _accuracy(answers: Evaluation, clips: str) -> dict[str, Any]:
    """What the manifest keeps of an evaluation; the clips are those of the calibration."""
    found = answers.groups["all"].as_dict()
    return {
        "clips": clips,
        "tier": answers.question.tier,
        "modality": answers.question.modality,
        "gallery": answers.gallery,
        **{name: found[name] for name in ("r1", "r5", "mrr")},
    }


def _fitted(clips: list[Ranked], before: Decision) -> Fitted:
    after, cases = fit_decision(clips, before), with_absent(clips)
    errors = [round(calibration_error(cases, rule), 4) for rule in (before, after)]
    return Fitted(after, *errors)
