"""Plans that no other beats in both accuracy and time."""

from __future__ import annotations

from collections.abc import Sequence

Point = tuple[float, float]


def frontier(points: Sequence[Point]) -> list[int]:
    """Places of the points that none beats, from the fastest to the most accurate.

    Args:
        points: time, less is better, and accuracy, more is better.
    """
    order = sorted(range(len(points)), key=lambda i: (points[i][0], -points[i][1]))
    best, found = float("-inf"), []
    for i in order:
        if points[i][1] > best:
            best = points[i][1]
            found.append(i)
    return found
