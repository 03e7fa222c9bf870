"""Smooth random movement over time."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Wander:
    """A smooth random curve: `middle` plus slow waves with a total swing of `reach`."""

    middle: float
    reach: float
    phases: tuple[float, ...]
    rates: tuple[float, ...]

    def at(self, time: float) -> float:
        """The value at `time` seconds."""
        weights = (0.6, 0.28, 0.12)
        waves = (
            w * np.sin(2 * np.pi * rate * time + phase)
            for w, rate, phase in zip(weights, self.rates, self.phases, strict=True)
        )
        return self.middle + self.reach * float(sum(waves))


def wander(rng: np.random.Generator, middle: float, reach: float, pace: float = 1.0) -> Wander:
    """A random curve; `pace` 1.0 swings about once in six seconds."""
    rates = tuple(float(r) for r in rng.uniform((0.1, 0.25, 0.6), (0.22, 0.5, 1.3)) * pace)
    phases = tuple(float(p) for p in rng.uniform(0, 2 * np.pi, 3))
    return Wander(middle, reach, phases, rates)
