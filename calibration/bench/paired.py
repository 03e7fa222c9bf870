"""Times alternatives in pairs: in every round all of them, in an order drawn anew.

What disturbs the machine for a while then disturbs all of them, and ratios hold where absolute
times do not.
"""

from __future__ import annotations

import gc
import math
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np

from calibration.bench.alternative import Alternative

Clock = Callable[[], float]
"""Seconds, rising."""

FEWEST = 5
"""Rounds that a slow machine gets as well."""

Watch = Callable[[Sequence[int]], Iterable[int]]
"""Passes the numbers of the rounds on and may show how far they are."""


@dataclass(frozen=True)
class Rounds:
    """How often.

    Attributes:
        count: rounds that are kept, at least 1; fewer where the time is up before.
        warmup: rounds before them that are not.
        seed: of the order.
        limit_s: seconds after which no further round begins, once `FEWEST` are kept.
    """

    count: int
    warmup: int = 2
    seed: int = 0
    limit_s: float = math.inf


@dataclass(frozen=True)
class Series:
    """The raw samples of one alternative.

    Attributes:
        name: of the alternative.
        rounds: milliseconds, by round; as many rounds as all that it was measured with.
    """

    name: str
    rounds: tuple[tuple[float, ...], ...]

    def samples(self) -> list[float]:
        """All milliseconds in one list."""
        return [ms for one in self.rounds for ms in one]

    def percentile(self, percent: float) -> float:
        """Milliseconds."""
        return float(np.percentile(self.samples(), percent))

    def as_dict(self) -> dict[str, Any]:
        """JSON-ready figures, without the raw samples."""
        p50, p95, p99 = (round(self.percentile(p), 4) for p in (50, 95, 99))
        return {"p50_ms": p50, "p95_ms": p95, "p99_ms": p99, "samples": len(self.samples())}


def measure(
    alternatives: Sequence[Alternative],
    rounds: Rounds,
    *,
    clock: Clock = time.perf_counter,
    watch: Watch = iter,
) -> dict[str, Series]:
    """Time alternatives against one another.

    Args:
        alternatives: at least one; names differ.
        rounds: how often, and the seed of the order.
        clock: for tests.
        watch: the rounds.

    Returns:
        By name.
    """
    by_name = {one.name: one for one in alternatives}
    if len(by_name) != len(alternatives):
        raise ValueError("two alternatives have one name")
    runs = dict.fromkeys(by_name, 0)
    kept: dict[str, list[tuple[float, ...]]] = {name: [] for name in by_name}
    end = clock() + rounds.limit_s
    with _no_garbage_collection():
        for number in watch(range(-rounds.warmup, rounds.count)):
            if number >= FEWEST and clock() >= end:
                break
            spent: dict[str, list[float]] = {name: [] for name in by_name}
            for name in order(alternatives, rounds.seed, number):
                begun = clock()
                by_name[name].run(runs[name])
                spent[name].append((clock() - begun) * 1e3)
                runs[name] += 1
            for name, times in spent.items():
                kept[name] += [tuple(times)] if number >= 0 else []
    return {name: Series(name, tuple(times)) for name, times in kept.items()}


def order(alternatives: Sequence[Alternative], seed: int, number: int) -> list[str]:
    """The names in a round's order, each as often as it repeats; the same for the same seed."""
    names = [one.name for one in alternatives for _ in range(one.repeats)]
    # Warm-up rounds have negative numbers, which a seed may not.
    rng = np.random.default_rng([seed, 47, number % (1 << 32)])
    return [names[place] for place in rng.permutation(len(names))]


@contextmanager
def _no_garbage_collection() -> Iterator[None]:
    was_enabled = gc.isenabled()
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()
