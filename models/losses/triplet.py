"""Triplets whose negatives are drawn by distance (publication 3.2)."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class DistanceWeighting:
    """How negatives are drawn.

    Attributes:
        margin: by which a positive's cosine must exceed the negative's.
        nearest: distances are at least this, so that near duplicates are not all that is drawn.
        farthest: from this distance on nothing is drawn.
    """

    margin: float = 0.2
    nearest: float = 0.5
    farthest: float = 1.7

    def weights(self, cosines: Tensor, negatives: Tensor, dimension: int) -> Tensor:
        """Inverse density of distances on the sphere, where a negative may be drawn.

        Args:
            cosines: [A, B].
            negatives: which may be drawn, booleans [A, B].
            dimension: n, of the vectors.

        Returns:
            float64 [A, B], largest 1 in each row; a row is zero where nothing may be drawn.
        """
        apart = (2.0 - 2.0 * cosines.double()).clamp(min=0.0).sqrt().clamp(min=self.nearest)
        allowed = negatives & (apart < self.farthest)
        apart = apart.clamp(max=self.farthest)
        log = (2.0 - dimension) * apart.log()
        log = log - (dimension - 3.0) / 2.0 * (1.0 - apart.square() / 4.0).log()
        log = log.masked_fill(~allowed, -torch.inf)
        highest = log.amax(1, keepdim=True).nan_to_num(neginf=0.0)
        return (log - highest).exp()

    def draw(
        self, cosines: Tensor, negatives: Tensor, dimension: int, generator: torch.Generator
    ) -> tuple[Tensor, Tensor]:
        """One negative for each row: columns [A] and whether there was one, booleans [A]."""
        weights = self.weights(cosines, negatives, dimension)
        sums = weights.cumsum(1)
        # Drawn where the generator lives, one number a row: the same on every device.
        chance = torch.rand(
            len(cosines), 1, dtype=torch.float64, generator=generator, device=generator.device
        ).to(cosines.device)
        columns = (sums <= chance * sums[:, -1:]).sum(1, keepdim=True)
        columns = columns.clamp(max=cosines.shape[1] - 1)
        return columns[:, 0], weights.gather(1, columns)[:, 0] > 0


WEIGHTING = DistanceWeighting()


def triplet(
    anchors: Tensor,
    others: Tensor,
    positives: Tensor,
    generator: torch.Generator,
    weighting: DistanceWeighting = WEIGHTING,
) -> Tensor:
    """Hinge between an anchor's positives and one drawn negative.

    Args:
        anchors: unit vectors, [A, n].
        others: unit vectors, [B, n].
        positives: which of the others are right, booleans [A, B]; never drawn.
        generator: of the draws.
        weighting: of the draws, and the margin.

    Returns:
        Mean over an anchor's positives, then over anchors that have any. An anchor without a
        negative to draw counts 0.
    """
    cosines = anchors @ others.T
    columns, found = weighting.draw(cosines.detach(), ~positives, anchors.shape[1], generator)
    negative = cosines.gather(1, columns[:, None])
    hinge = (weighting.margin + negative - cosines).relu() * positives * found[:, None]
    count = positives.sum(1)
    rows = hinge.sum(1) / count.clamp(min=1)
    return rows.sum() / (count > 0).sum().clamp(min=1)


def symmetric_triplet(
    left: Tensor,
    right: Tensor,
    positives: Tensor,
    generator: torch.Generator,
    weighting: DistanceWeighting = WEIGHTING,
) -> Tensor:
    """Mean of `triplet` both ways: [A, n], [B, n], positives [A, B]."""
    there = triplet(left, right, positives, generator, weighting)
    back = triplet(right, left, positives.T, generator, weighting)
    return (there + back) / 2
