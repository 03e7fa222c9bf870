"""Selective prediction: what confidence is worth for telling right from wrong, known from unknown.

Risk and coverage: the screen answers the clips it is surest of; how often is it wrong on those?
Open set: every clip is judged a second time as if the catalog lacked its product.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from models.evaluation.confidence import (
    Bin,
    FloatArray,
    expected_error,
    ranked,
    reliability,
)
from models.evaluation.metrics import Estimate, estimate
from models.evaluation.prediction import Prediction
from runtime.bundle.manifest import Decision
from runtime.decision import confidences, verdict
from runtime.events import Candidate, EventKind


@dataclass(frozen=True)
class OpenSet:
    """Clips with their product in the catalog against the same clips without it.

    Attributes:
        auroc: chance that a clip with its product has a higher confidence than one without.
        false_accept: share of clips without their product for which the screen names another.
        false_nothing: share of clips with their product for which the screen shows nothing.
    """

    auroc: float
    false_accept: Estimate
    false_nothing: Estimate

    def as_dict(self) -> dict[str, Any]:
        """JSON-ready fields."""
        return {
            "auroc": round(self.auroc, 4),
            "false_accept": self.false_accept.as_dict(),
            "false_nothing": self.false_nothing.as_dict(),
        }


@dataclass(frozen=True)
class Confidence:
    """How far the confidence of answers can be trusted, as the bundle ships it.

    Attributes:
        ece: expected calibration error over bins of equal mass, in [0, 1].
        reliability: those bins.
        aurc: area under the risk-coverage curve, in [0, 1]; lower is better.
        curve: coverage and risk, from the surest clip on; a point a level of confidence.
        open_set: None where the catalog has no other product.
    """

    ece: float
    reliability: tuple[Bin, ...]
    aurc: float
    curve: tuple[tuple[float, float], ...]
    open_set: OpenSet | None

    def as_dict(self) -> dict[str, Any]:
        """JSON-ready fields."""
        return {
            "ece": round(self.ece, 4),
            "reliability": [one.as_dict() for one in self.reliability],
            "aurc": round(self.aurc, 4),
            "risk_coverage": [[round(c, 4), round(r, 4)] for c, r in self.curve],
            "open_set": self.open_set and self.open_set.as_dict(),
        }


def judge_confidence(
    predictions: Sequence[Prediction], rule: Decision, shortlist: int
) -> Confidence | None:
    """Judge the confidence of labelled clips; None where there are none.

    Args:
        predictions: of one question.
        rule: the bundle's decision.
        shortlist: K, the candidates of the re-ranker.
    """
    known = [p for p in predictions if p.clip.product_id is not None]
    if not known:
        return None
    chance = np.array([p.confidence for p in known], np.float64)
    right = np.array([p.ids[0] == p.clip.product_id for p in known], np.float64)
    bins = reliability(chance, right)
    curve, area = risk_coverage(chance, right)
    return Confidence(expected_error(bins), bins, area, curve, open_set(known, rule, shortlist))


def risk_coverage(
    chance: FloatArray, right: FloatArray
) -> tuple[tuple[tuple[float, float], ...], float]:
    """The risk-coverage curve and the area under it.

    Clips of equal confidence are answered together or not at all.

    Args:
        chance: float64 [N], confidence.
        right: float64 [N], 1 for right and 0 for wrong.
    """
    levels, level = np.unique(-chance, return_inverse=True)
    count = np.bincount(level, minlength=len(levels))
    wrong = np.bincount(level, weights=1 - right, minlength=len(levels))
    coverage, risk = np.cumsum(count) / len(chance), np.cumsum(wrong) / np.cumsum(count)
    points = tuple(zip(coverage.tolist(), risk.tolist(), strict=True))
    return points, float(np.sum(count * risk) / len(chance))


def open_set(predictions: Sequence[Prediction], rule: Decision, shortlist: int) -> OpenSet | None:
    """Judge labelled clips with and without their product in the catalog.

    The shipped decision is made anew from the scores that are left (`Ranked.without_right`).
    """
    if any(len(p.ids) < 2 for p in predictions):
        return None
    with_it = np.array([p.confidence for p in predictions], np.float64)
    without = np.array([_without_its_product(p, rule, shortlist) for p in predictions], np.float64)
    products = [str(p.clip.product_id) for p in predictions]
    named = np.array([float(_kind(c, rule) is EventKind.PRESENT) for c in without])
    nothing = np.array([float(_kind(c, rule) is EventKind.NOTHING) for c in with_it])
    return OpenSet(auroc(with_it, without), estimate(named, products), estimate(nothing, products))


def auroc(positive: FloatArray, negative: FloatArray) -> float:
    """Chance that one of the first is greater than one of the second; equal ones count half."""
    ordered = np.sort(negative)
    below = np.searchsorted(ordered, positive, "left")
    not_above = np.searchsorted(ordered, positive, "right")
    return float((below + not_above).mean() / (2 * len(negative)))


def _without_its_product(prediction: Prediction, rule: Decision, shortlist: int) -> float:
    # Nothing seen and nothing heard speaks for no product, whatever the catalog holds.
    if prediction.confidence == 0.0:
        return 0.0
    rest = ranked(prediction, shortlist).without_right().scores
    return float(confidences(rest, rule)[0]) if len(rest) else 0.0


def _kind(confidence: float, rule: Decision) -> EventKind:
    return verdict([Candidate("", "", 0.0, confidence)], rule, 0.0).kind
