"""All parts of the loss, weighed and reported (publication 3)."""

from __future__ import annotations

from dataclasses import dataclass, fields

import torch
from torch import Tensor


@dataclass(frozen=True)
class LossWeights:
    """Weight of every part; 0 leaves it out.

    Attributes:
        joint: contrastive, on the whole vectors.
        visual: contrastive, on the visual halves.
        text: contrastive, on the text halves.
        triplet: triplets of visual halves.
        graph: triplets between plain and enhanced vectors.
        regulariser: edges of the graph against distances.
        pair: selective fusion's pair scorer.
        rerank: lists of candidates.
    """

    joint: float = 1.0
    visual: float = 1.0
    text: float = 1.0
    triplet: float = 1.0
    graph: float = 1.0
    regulariser: float = 1.0
    pair: float = 1.0
    rerank: float = 1.0


@dataclass(frozen=True)
class Losses:
    """Parts by the names of `LossWeights`; None where a run has no such part."""

    joint: Tensor | None = None
    visual: Tensor | None = None
    text: Tensor | None = None
    triplet: Tensor | None = None
    graph: Tensor | None = None
    regulariser: Tensor | None = None
    pair: Tensor | None = None
    rerank: Tensor | None = None

    def parts(self) -> dict[str, Tensor]:
        """Those that there are."""
        found = {field.name: getattr(self, field.name) for field in fields(self)}
        return {name: part for name, part in found.items() if part is not None}


def total(losses: Losses, weights: LossWeights) -> tuple[Tensor, dict[str, Tensor]]:
    """Weighted sum, and a report.

    Returns:
        The sum, a scalar (0 without parts), and every part unweighted and detached, with the sum
        as ``total``. A part of weight 0 is reported and gets no gradient.
    """
    parts = losses.parts()
    weighed = [getattr(weights, n) * part for n, part in parts.items() if getattr(weights, n)]
    whole = torch.stack(weighed).sum() if weighed else torch.zeros(())
    report = {name: part.detach() for name, part in parts.items()}
    return whole, {**report, "total": whole.detach()}
