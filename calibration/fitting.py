"""Calibrating the confidence of a whole bundle on labelled clips.

Enrolled photos move the scores, and one rule has to hold for products with and without them. So
where photos are given, every question is asked twice, of the catalog without and with them, and the
rule is fitted to all answers together.
"""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from calibration.confidence import fit_decision
from models.data.clip import Clip, Tier
from models.data.grocery_lpr import read_clips
from models.evaluation.confidence import Ranked, calibration_error, ranked, with_absent
from models.evaluation.evaluate import Evaluation, evaluate
from models.evaluation.gallery import Stock
from models.evaluation.prediction import Modality, Question
from runtime.bundle.folder import new_folder
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
    """A fitted decision rule and the calibration error before and after, on the same clips.

    Attributes:
        decision: the rule.
        error_before: of the bundle's own rule, in [0, 1].
        error_after: of the fitted one.
        after_by_state: of the fitted one in each catalog, ``not_enrolled`` and ``enrolled``.
    """

    decision: Decision
    error_before: float
    error_after: float
    after_by_state: dict[str, float]

    def as_dict(self) -> dict[str, Any]:
        """JSON-ready fields."""
        errors = {"before": self.error_before, "after": self.error_after}
        return {
            "decision": self.decision.model_dump(),
            "calibration_error": {**errors, "after_by_state": self.after_by_state},
        }


def calibrate_bundle(
    bundle: Path, manifest: Path, root: Path, stock: Stock, out: Path, progress: Progress
) -> Fitted:
    """Write a copy of a bundle whose confidence is fitted to clips.

    Args:
        bundle: folder of the bundle.
        manifest: labelled clips.
        root: the folder that photo paths are relative to.
        stock: what the catalog is made of; with photos to enrol, the answers without them count
            as well.
        out: the new bundle's folder; must not exist.
        progress: shows progress.

    Raises:
        BundleError: the bundle is damaged.
        ClipListError: a clip has no label, or lacks a tier or a photo.
        FeedError: a feed or the list of photos cannot be used.
        StorageError: ``out`` exists.
    """
    with new_folder(out) as folder:
        source = open_bundle(bundle)
        clips = _labelled(manifest, root)
        questions = [Question(tier, modality) for tier, modality in CONDITIONS]
        answers = [
            one
            for state in _states(stock)
            for one in evaluate(clips, root, state, questions, bundle, progress)
        ]
        fitted = _fitted(answers, source.manifest.decision)
        for name in source.manifest.files:
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source.folder / name, folder / name)
        notes = {"clips": manifest.name, "conditions": CONDITIONS, **fitted.as_dict()}
        provenance = {**source.manifest.provenance, "confidence": notes}
        changes = {
            "decision": fitted.decision,
            "accuracy": [_accuracy(one, manifest.name) for one in answers],
            "provenance": provenance,
        }
        seal(folder, source.manifest.model_copy(update=changes))
    return fitted


def _states(stock: Stock) -> list[Stock]:
    return [stock] if stock.enrol is None else [replace(stock, enrol=None), stock]


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
        "enrolled": answers.enrolment is not None,
        **{name: found[name] for name in ("r1", "r5", "mrr")},
    }


def _fitted(answers: Sequence[Evaluation], before: Decision) -> Fitted:
    after = fit_decision(_cases(answers), before)
    without = [one for one in answers if one.enrolment is None]
    enrolled = [one for one in answers if one.enrolment is not None]
    states = {"not_enrolled": without, "enrolled": enrolled}
    return Fitted(
        after,
        _error(answers, before),
        _error(answers, after),
        {name: _error(some, after) for name, some in states.items() if some},
    )


def _error(answers: Sequence[Evaluation], rule: Decision) -> float:
    return round(calibration_error(with_absent(_cases(answers)), rule), 4)


def _cases(answers: Sequence[Evaluation]) -> list[Ranked]:
    return [ranked(p, one.shortlist) for one in answers for p in one.predictions]
