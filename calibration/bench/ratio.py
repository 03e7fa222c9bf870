"""How many times faster one alternative is than another, and how sure that is."""

from __future__ import annotations

from dataclasses import asdict, dataclass

import numpy as np
import numpy.typing as npt

from calibration.bench.paired import Series

DRAWS = 2000
LEVEL = 95.0
"""Percent of the bootstrap's draws that lie in the interval."""


@dataclass(frozen=True)
class Ratio:
    """A ratio of medians with its 95 % bootstrap interval."""

    median: float
    low: float
    high: float

    def as_dict(self) -> dict[str, float]:
        """JSON-ready fields, to four digits."""
        return {name: float(f"{value:.4g}") for name, value in asdict(self).items()}


def ratio(slow: Series, fast: Series, seed: int = 0, draws: int = DRAWS) -> Ratio:
    """Median of ``slow`` over median of ``fast``.

    The bootstrap draws whole rounds, the same ones for both, because what both met in a round
    must stay together.

    Args:
        slow: of n rounds with equally many samples each.
        fast: of the same n rounds.
        seed: of the draws.
        draws: of the bootstrap.
    """
    first, second = _table(slow), _table(fast)
    if len(first) != len(second):
        raise ValueError(f"{slow.name} and {fast.name} were not measured together")
    rng = np.random.default_rng([seed, 53])
    ratios = []
    for _ in range(draws):
        rows = rng.integers(0, len(first), len(first))
        ratios.append(np.median(first[rows]) / np.median(second[rows]))
    tail = (100.0 - LEVEL) / 2
    low, high = np.percentile(ratios, [tail, 100.0 - tail])
    return Ratio(float(np.median(first) / np.median(second)), float(low), float(high))


def _table(series: Series) -> npt.NDArray[np.float64]:
    return np.asarray(series.rounds, np.float64)
