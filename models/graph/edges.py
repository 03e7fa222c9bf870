"""Edges of the graph: how strongly two nodes relate, and which are connected (publication 2.4).

Within a domain (clips, items) relevance falls with distance; between domains it comes from how the
frames of a clip meet the nodes of an item. All vectors have unit length or are zero.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from models.heads.norms import LEAST_SQUARE, MASKED, unit


def distance(left: Tensor, right: Tensor) -> Tensor:
    """Distances of unit vectors [..., A, W] and [..., B, W]: [..., A, B], by their cosine.

    Never less than 0.001, where the root's gradient is still finite (publication B18).
    """
    return (2.0 - 2.0 * left @ right.transpose(-1, -2)).clamp(min=LEAST_SQUARE).sqrt()


def same_domain_relevance(nodes: Tensor) -> Tensor:
    """exp(-distance) of nodes [..., N, W] among themselves: [..., N, N] in (0, 1]."""
    return (-distance(nodes, nodes)).exp()


def top_half(strength: Tensor) -> Tensor:
    """The stronger half of every row's edges, one at least; of equal ones the first.

    Args:
        strength: [A, B].

    Returns:
        Booleans [A, B] with max(1, B // 2) true ones in each row.
    """
    count = max(1, strength.shape[1] // 2)
    order = strength.argsort(stable=True, dim=1, descending=True)[:, :count]
    return torch.zeros_like(strength, dtype=torch.bool).scatter(1, order, True)


def with_self_loops(connected: Tensor) -> Tensor:
    """Every node also connected to itself: [N, N] (publication B2)."""
    return connected | torch.eye(len(connected), dtype=torch.bool, device=connected.device)


def frame_profile(cosines: Tensor, mask: Tensor) -> Tensor:
    """Each frame's best cosine with any node of an item, largest first.

    A padded frame counts as the average frame, so that a short clip's profile has the level and
    not the length of the clip.

    Args:
        cosines: [..., T, M].
        mask: [..., T].

    Returns:
        [..., T]; zeros where every frame is padded.
    """
    best = cosines.amax(-1) * mask
    mean = best.sum(-1, keepdim=True) / mask.sum(-1, keepdim=True).clamp(min=1.0)
    return (best + (1.0 - mask) * mean).sort(-1, descending=True).values


def node_profile(cosines: Tensor, mask: Tensor) -> Tensor:
    """Each item node's best cosine with any frame, largest first: [..., T, M] -> [..., M].

    Zeros where every frame is padded.
    """
    best = (cosines + (1.0 - mask[..., None]) * MASKED).amax(-2)
    return (best * mask.amax(-1, keepdim=True)).sort(-1, descending=True).values


@dataclass(frozen=True)
class Edges:
    """Edges from rows to columns.

    Attributes:
        relevance: what is added to attention, [A, B].
        strength: what decides on connection, [A, B].
    """

    relevance: Tensor
    strength: Tensor

    def bias(self) -> Tensor:
        """Relevance where connected, a large negative number elsewhere."""
        return self.relevance.masked_fill(~top_half(self.strength), MASKED)


class ProfileRelevance(nn.Module):
    """Relevance of a sorted profile: its mean plus what a small MLP adds, at first nothing."""

    def __init__(self, length: int, hidden: int = 10) -> None:
        super().__init__()
        self.up = nn.Linear(length, hidden)
        self.down = nn.Linear(hidden, 1)
        nn.init.zeros_(self.down.weight)
        nn.init.zeros_(self.down.bias)

    def forward(self, profile: Tensor) -> Tensor:
        """[..., length] -> [...]."""
        return self.down(torch.relu(self.up(profile)))[..., 0] + profile.mean(-1)


class CrossDomainEdges(nn.Module):
    """Edges between clips and items from real frame and item nodes (publication B3).

    Args:
        frames: T of a clip.
        item_nodes: M of an item.
    """

    def __init__(self, frames: int, item_nodes: int) -> None:
        super().__init__()
        self.to_items = ProfileRelevance(frames)
        self.to_clips = ProfileRelevance(item_nodes)

    def forward(self, frames: Tensor, mask: Tensor, nodes: Tensor) -> tuple[Edges, Edges]:
        """Compare every clip with every item.

        Args:
            frames: [A, T, G], unit length.
            mask: [A, T].
            nodes: [B, M, G], unit length; the first is the item itself.

        Returns:
            Edges of clips to items [A, B] and of items to clips [B, A].
        """
        cosines = torch.einsum("atg,bmg->abtm", frames, nodes)
        masks = mask[:, None].expand(-1, len(nodes), -1)
        over_frames, over_nodes = frame_profile(cosines, masks), node_profile(cosines, masks)
        return (
            Edges(self.to_items(over_frames), over_frames.mean(-1)),
            Edges(self.to_clips(over_nodes).T, over_nodes.mean(-1).T),
        )


class RepeatedVectorEdges(nn.Module):
    """The published cross-domain edges, for ablation (publication B3): they carry next to nothing.

    An item's one vector is repeated M times, padded frames count, and SCAN's normalisation over one
    axis makes every profile of one direction +-1/sqrt(M), and flattens the other. Same signature as
    `CrossDomainEdges`.
    """

    def __init__(self, frames: int, item_nodes: int) -> None:
        super().__init__()
        self.to_items = ProfileRelevance(frames)
        self.to_clips = ProfileRelevance(frames)
        self.repeats = item_nodes

    def forward(self, frames: Tensor, mask: Tensor, nodes: Tensor) -> tuple[Edges, Edges]:
        """As `CrossDomainEdges.forward`; the mask is not looked at."""
        repeated = nodes[:, :1].expand(-1, self.repeats, -1)
        cosines = torch.einsum("atg,bmg->abtm", frames, repeated)
        likeness = nn.functional.leaky_relu(cosines, 0.1)
        over_frames = unit(likeness.transpose(-1, -2)).amax(-2).sort(-1, descending=True).values
        over_nodes = unit(likeness).amax(-1).sort(-1, descending=True).values
        return (
            Edges(self.to_items(over_frames), over_frames.mean(-1)),
            Edges(self.to_clips(over_nodes).T, over_nodes.mean(-1).T),
        )
