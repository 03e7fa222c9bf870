"""Which pictures of a presentation an episode shows: the kiosk's rule, moved a little by chance."""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from runtime.sampler import spread

LEAST_KEPT = 0.1
"""Part of a presentation that is left by the hardest cut."""


def jittered(
    count: int,
    frames: int,
    rng: np.random.Generator,
    *,
    fewer: float = 0.5,
    cut: float = 0.0,
) -> list[int]:
    """Indices of at most ``frames`` of ``count`` pictures, in order and without repetition.

    Each index of `runtime.sampler.spread` moves within its own stretch, up to the middle between it
    and its neighbours; with nothing left to chance the two are equal.

    Args:
        count: pictures of the presentation, at least 0.
        frames: T, at least 1.
        rng: source of randomness.
        fewer: chance that fewer than T are shown, any number from one, as a kiosk sees at first.
        cut: chance that the end of the presentation is cut off (publication 4: 0.5, for clips in
            order of time; useless for sets of photos).
    """
    if count == 0:
        return []
    if rng.random() < cut:
        count = max(1, round(count * rng.uniform(LEAST_KEPT, 1.0)))
    most = min(count, frames)
    if rng.random() < fewer:
        most = int(rng.integers(1, most + 1))
    places = spread(count, most)
    middles = [(a + b) // 2 for a, b in pairwise(places)]
    lows, highs = [0, *(m + 1 for m in middles)], [*middles, count - 1]
    return [int(rng.integers(low, high + 1)) for low, high in zip(lows, highs, strict=True)]
