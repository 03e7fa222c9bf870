"""Losses of the batch-level graph (publication 3.2, 3.3)."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from models.graph.edges import distance
from models.graph.interaction import Interaction
from models.losses.triplet import WEIGHTING, DistanceWeighting, symmetric_triplet

REGULARISER = 10.0


def graph_triplets(
    clips: Tensor,
    items: Tensor,
    enhanced: Interaction,
    positives: Tensor,
    generator: torch.Generator,
    weighting: DistanceWeighting = WEIGHTING,
) -> Tensor:
    """Triplets between plain and enhanced vectors: (v, i'), (v', i) and (v', i').

    Args:
        clips: v, [A, n].
        items: i, [B, n].
        enhanced: the same batch after the graph.
        positives: booleans [A, B].
        generator: of the draws.
        weighting: of the draws, and the margin.
    """
    pairs = (
        (clips, enhanced.items),
        (enhanced.clips, items),
        (enhanced.clips, enhanced.items),
    )
    losses = [symmetric_triplet(v, i, positives, generator, weighting) for v, i in pairs]
    return torch.stack(losses).sum()


def edge_regulariser(clips: Tensor, items: Tensor, enhanced: Interaction) -> Tensor:
    """Clips and items shall be as near as the graph's edges say.

    10 * KL(softmax(relevance) || softmax(exp(-distance))), both ways; the relevance is a target
    and gets no gradient.

    Args:
        clips: v, [A, n], unit length.
        items: i, [B, n], unit length.
        enhanced: the same batch after the graph.
    """
    near = (-distance(clips, items)).exp()
    there = _divergence(near, enhanced.to_items)
    back = _divergence(near.T, enhanced.to_clips)
    return REGULARISER * (there + back)


def _divergence(near: Tensor, relevance: Tensor) -> Tensor:
    target = relevance.detach().log_softmax(1)
    return F.kl_div(near.log_softmax(1), target, reduction="batchmean", log_target=True)
