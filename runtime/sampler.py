"""Which frames the network sees: one rule for training, evaluation and the kiosk."""

from __future__ import annotations


def spread(count: int, frames: int) -> list[int]:
    """Indices of at most ``frames`` of ``count`` frames, evenly spread, first and last included.

    Args:
        count: how many frames there are, at least 0.
        frames: T, at least 1.
    """
    if count <= frames:
        return list(range(count))
    if frames == 1:
        return [count // 2]
    return [round(i * (count - 1) / (frames - 1)) for i in range(frames)]
