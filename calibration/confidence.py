"""Fitting a bundle's confidence: from scores to probabilities that hold."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from runtime.bundle.manifest import Decision
from runtime.decision import confidences

PRECISION = 0.8
"""A product is named from the confidence on at which this share of the names was right."""

ABSENT = 0.1
"""Weight of a clip whose product the catalog lacks, against one of a clip whose product it has."""


COLDEST = 1e-3
"""Least temperature; clips that are all answered rightly would pull it to zero."""


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
        """The same clip as if the catalog did not hold its product."""
        rest = self.scores if self.right is None else np.delete(self.scores, self.right)
        return Ranked(rest, None, ABSENT)


def fit_decision(clips: Sequence[Ranked], start: Decision) -> Decision:
    """Temperature, score of "none of these" and threshold, by least negative log-likelihood.

    Every clip is used twice: as it is, and with its product taken out of the catalog.

    Args:
        clips: ranked clips with known products.
        start: supplies what is not fitted.
    """
    from scipy.optimize import minimize

    cases = with_absent(clips)
    weights = np.array([case.weight for case in cases])

    def cost(values: npt.NDArray[np.float64]) -> float:
        chances = [_log_chance(case, values[0], values[1]) for case in cases]
        return -float(np.average(chances, weights=weights))

    middle = float(np.median([clip.scores[0] for clip in clips]))
    found = minimize(
        cost,
        np.array([np.log(0.05), middle]),
        method="Nelder-Mead",
        bounds=[(np.log(COLDEST), None), (None, None)],
    )
    fitted = start.model_copy(
        update={
            "temperature": round(float(np.exp(found.x[0])), 6),
            "open_set_score": round(float(found.x[1]), 6),
        }
    )
    return fitted.model_copy(update={"present": _threshold(cases, fitted)})


def with_absent(clips: Sequence[Ranked]) -> list[Ranked]:
    """Every clip as it is, and as if the catalog, unless it is empty then, lacked its product."""
    return [*clips, *(clip.without_right() for clip in clips if len(clip.scores) > 1)]


def calibration_error(cases: Sequence[Ranked], rule: Decision, bins: int = 10) -> float:
    """Expected calibration error of the first candidate's confidence, in [0, 1]."""
    chance, right, weight = _outcomes(cases, rule)
    place = np.minimum((chance * bins).astype(int), bins - 1)
    gaps = [
        abs(float(np.sum(weight[place == b] * (chance[place == b] - right[place == b]))))
        for b in range(bins)
    ]
    return sum(gaps) / float(weight.sum())


def _log_chance(case: Ranked, log_temperature: float, open_set: float) -> float:
    logits = np.append(case.scores.astype(np.float64), open_set) / np.exp(log_temperature)
    logits -= logits.max()
    chosen = len(case.scores) if case.right is None else case.right
    return float(logits[chosen] - np.log(np.exp(logits).sum()))


def _threshold(cases: Sequence[Ranked], rule: Decision) -> float:
    """Least confidence whose names reach the wanted precision; never below one half."""
    chance, right, weight = _outcomes(cases, rule)
    order = np.argsort(-chance)
    precision = np.cumsum((right * weight)[order]) / np.cumsum(weight[order])
    good = np.flatnonzero(precision >= PRECISION)
    least = float(chance[order][good[-1]]) if len(good) else 1.0
    return round(min(0.95, max(0.5, least)), 4)


def _outcomes(
    cases: Sequence[Ranked], rule: Decision
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Confidence of the first candidate, whether it is right, and the weight, of every case."""
    chance = np.array([confidences(case.scores, rule)[0] for case in cases], np.float64)
    right = np.array([case.right == 0 for case in cases], np.float64)
    return chance, right, np.array([case.weight for case in cases])
