"""Retrieval metrics with ties told apart.

A rank is one more than the number of other items that score strictly higher (optimistic) or at
least as high (pessimistic). The two differ only where scores tie; a metric that hides ties would
blame or praise a low precision for what is only rounding.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

RESAMPLES = 1000
SEED = 20260101
LEVEL = 0.95

IntArray = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Estimate:
    """A mean with its bootstrap interval; the bounds are None with fewer than two products."""

    value: float
    low: float | None
    high: float | None

    def as_dict(self) -> dict[str, float | None]:
        """JSON-ready fields, rounded to four digits."""
        bounds = {"low": self.low, "high": self.high}
        return {
            "value": round(self.value, 4),
            **{name: None if v is None else round(v, 4) for name, v in bounds.items()},
        }


def ranks(
    scores: npt.NDArray[np.floating], target: npt.NDArray[np.integer]
) -> tuple[IntArray, IntArray]:
    """Optimistic and pessimistic rank of the target of each query, 1 for the best.

    Args:
        scores: float [Q, G], higher is better; infinities are allowed.
        target: int [Q], the column of the right item.

    Returns:
        Two int64 [Q]: ties counted for the target, and against it.

    Raises:
        ValueError: the shapes do not fit, a score is NaN or a target is not a column.
    """
    if scores.ndim != 2 or target.shape != scores.shape[:1]:
        raise ValueError(f"scores {scores.shape} and targets {target.shape} do not fit")
    if np.isnan(scores).any():
        raise ValueError("a score is NaN; it has no rank")
    if ((target < 0) | (target >= scores.shape[1])).any():
        raise ValueError(f"a target is not one of the {scores.shape[1]} columns")
    own = np.take_along_axis(scores, target[:, None], axis=1)
    optimistic = 1 + np.count_nonzero(scores > own, axis=1)
    pessimistic = np.count_nonzero(scores >= own, axis=1)
    return optimistic.astype(np.int64), pessimistic.astype(np.int64)


def recall_at_k(rank: IntArray, k: int, products: Sequence[str]) -> Estimate:
    """Share of clips whose target is among the first k.

    Args:
        rank: int64 [Q], 1 for the best.
        k: at least 1.
        products: the product of each clip, length Q.
    """
    return estimate((rank <= k).astype(np.float64), products)


def mrr(rank: IntArray, products: Sequence[str]) -> Estimate:
    """Mean of 1 / rank.

    Args:
        rank: int64 [Q], 1 for the best.
        products: the product of each clip, length Q.
    """
    return estimate(1.0 / rank, products)


def estimate(values: npt.NDArray[np.float64], products: Sequence[str]) -> Estimate:
    """Mean over clips, with a 95 % interval bootstrapped over products.

    Clips of one product stand or fall together, so whole products are drawn, not clips. The seed is
    fixed: the same values give the same interval.

    Args:
        values: float64 [Q], a value a clip.
        products: the product of each clip, length Q.

    Raises:
        ValueError: there is no value, a value is NaN or the lengths differ.
    """
    if len(values) == 0 or len(values) != len(products) or np.isnan(values).any():
        raise ValueError("an estimate needs a number and a product for each of one or more clips")
    _, owner = np.unique(np.asarray(products), return_inverse=True)
    sums, counts = np.bincount(owner, weights=values), np.bincount(owner)
    if len(sums) < 2:
        return Estimate(float(values.mean()), None, None)
    drawn = np.random.default_rng(SEED).integers(0, len(sums), (RESAMPLES, len(sums)))
    means = sums[drawn].sum(axis=1) / counts[drawn].sum(axis=1)
    low, high = np.quantile(means, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return Estimate(float(values.mean()), float(low), float(high))
