"""Fitting a bundle's confidence: from scores to probabilities that hold."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from models.evaluation.confidence import Ranked, outcomes, with_absent
from runtime.bundle.manifest import Decision

PRECISION = 0.8
"""A product is named from the confidence on at which this share of the names was right."""

COLDEST = 1e-3
"""Least temperature; clips that are all answered rightly would pull it to zero."""


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


def _log_chance(case: Ranked, log_temperature: float, open_set: float) -> float:
    logits = np.append(case.scores.astype(np.float64), open_set) / np.exp(log_temperature)
    logits -= logits.max()
    chosen = len(case.scores) if case.right is None else case.right
    return float(logits[chosen] - np.log(np.exp(logits).sum()))


def _threshold(cases: Sequence[Ranked], rule: Decision) -> float:
    """Least confidence whose names reach the wanted precision; never below one half."""
    chance, right, weight = outcomes(cases, rule)
    order = np.argsort(-chance)
    precision = np.cumsum((right * weight)[order]) / np.cumsum(weight[order])
    good = np.flatnonzero(precision >= PRECISION)
    least = float(chance[order][good[-1]]) if len(good) else 1.0
    return round(min(0.95, max(0.5, least)), 4)
