"""Does the confidence hold? Cases to fit and judge it by, its reliability and calibration error."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from models.evaluation.prediction import Prediction
from runtime.bundle.manifest import Decision
from runtime.decision import confidences

ABSENT = 0.1
"""Weight of a clip whose product the catalog lacks, against one of a clip whose product it has."""

BINS = 10

FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Ranked:
    """Scores of one clip's shortlist.

    Attributes:
        scores: float32 [k], not rising.
        right: place of the right product, or None where it is not listed.
        weight: how much the case counts.
    """

    scores: npt.NDArray[np.float32]
    right: int | None
    weight: float = 1.0

    def without_right(self) -> Ranked:
        """The same clip as if the catalog did not hold its product.

        The others keep their scores and nothing moves up into the shortlist, so no network is
        needed.
        """
        rest = self.scores if self.right is None else np.delete(self.scores, self.right)
        return Ranked(rest, None, ABSENT)


def ranked(prediction: Prediction, shortlist: int) -> Ranked:
    """The case that a labelled clip's answer makes; ``shortlist`` is the re-ranker's K."""
    listed = prediction.ids[:shortlist]
    wanted = prediction.clip.product_id
    right = listed.index(wanted) if wanted in listed else None
    return Ranked(prediction.scores[:shortlist], right)


def with_absent(clips: Sequence[Ranked]) -> list[Ranked]:
    """Every clip as it is, and as if the catalog, unless it is empty then, lacked its product."""
    return [*clips, *(clip.without_right() for clip in clips if len(clip.scores) > 1)]


def outcomes(cases: Sequence[Ranked], rule: Decision) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Confidence of the first candidate, whether it is right, and the weight, of every case."""
    chance = np.array([confidences(case.scores, rule)[0] for case in cases], np.float64)
    right = np.array([case.right == 0 for case in cases], np.float64)
    return chance, right, np.array([case.weight for case in cases])


@dataclass(frozen=True)
class Bin:
    """Cases of like confidence.

    Attributes:
        low: least confidence among them.
        high: greatest confidence among them.
        weight: how many they are, weighted.
        confidence: their mean confidence.
        right: share of them that were right.
    """

    low: float
    high: float
    weight: float
    confidence: float
    right: float

    def as_dict(self) -> dict[str, Any]:
        """JSON-ready fields, rounded to four digits."""
        return {name: round(value, 4) for name, value in vars(self).items()}


def reliability(
    chance: FloatArray, right: FloatArray, weight: FloatArray | None = None, bins: int = BINS
) -> tuple[Bin, ...]:
    """Bins of equal mass, from the least confidence to the greatest; empty ones are left out.

    Equal confidences are never parted, so the order of the cases does not matter.

    Args:
        chance: float64 [N], confidence in [0, 1].
        right: float64 [N], 1 for right and 0 for wrong.
        weight: float64 [N]; all 1 where None.
        bins: at most so many.
    """
    mass = np.ones_like(chance) if weight is None else weight
    levels, level = np.unique(chance, return_inverse=True)
    held = np.bincount(level, weights=mass, minlength=len(levels))
    middle = np.cumsum(held) - held / 2
    place = np.minimum((middle / mass.sum() * bins).astype(int), bins - 1)[level]
    return tuple(
        _bin(chance[at], right[at], mass[at]) for b in range(bins) if (at := place == b).any()
    )


def expected_error(bins: Sequence[Bin]) -> float:
    """Expected calibration error, in [0, 1]: how far confidence and truth lie apart on average."""
    total = sum(one.weight for one in bins)
    return sum(one.weight * abs(one.confidence - one.right) for one in bins) / total


def calibration_error(cases: Sequence[Ranked], rule: Decision, bins: int = BINS) -> float:
    """Expected calibration error of the first candidate's confidence, in [0, 1]."""
    return expected_error(reliability(*outcomes(cases, rule), bins))


def _bin(chance: FloatArray, right: FloatArray, mass: FloatArray) -> Bin:
    means = np.average(chance, weights=mass), np.average(right, weights=mass)
    low, high = float(chance.min()), float(chance.max())
    return Bin(low, high, float(mass.sum()), float(means[0]), float(means[1]))
