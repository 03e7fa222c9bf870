"""Second stage by edges alone: candidates weighed by how they relate to the clip and to rivals.

The edge-only arm of SGMN's cross-domain graph in its list-wise form (decision 0004).
What counts are edges, never a node's own identity, so that products never trained on are judged by
the same rule. The published network has no graph at inference.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from models.config import NetworkConfig
from models.graph.matching import patch_agreement
from models.heads.norms import MASKED

FACTS = 5
"""Edges between clip and candidate: first-stage score, visual, spoken, frames, places."""

NO_RIVAL = -2.0
"""Stands for the best rival where there is none."""


class RelationReranker(nn.Module):
    """First-stage scores plus evidence from edges; equivariant to the candidates' order.

    s1 = s0 + patch_weight * quality * agreement of places + evidence of all edges. Both additions
    start at zero, as the first stage's order.
    """

    def __init__(self, config: NetworkConfig, hidden: int = 32) -> None:
        super().__init__()
        self.visual_size = config.visual_size
        self.views = config.views
        self.patch_weight = nn.Parameter(torch.tensor(0.0))
        self.evidence = nn.Sequential(
            nn.Linear(config.frames + 2 * FACTS, hidden),
            nn.ReLU(),
            # All candidates would share a bias.
            nn.Linear(hidden, 1, bias=False),
        )
        last = self.evidence[2]
        nn.init.zeros_(last.weight)  # type: ignore[arg-type]

    def forward(
        self,
        query: Tensor,
        query_nodes: Tensor,
        query_patches: Tensor,
        frame_mask: Tensor,
        items: Tensor,
        item_nodes: Tensor,
        scores: Tensor,
        candidate_mask: Tensor,
    ) -> Tensor:
        """Score candidates together.

        Args:
            query: [B, V].
            query_nodes: [B, T, G].
            query_patches: [B, T, R, G].
            frame_mask: [B, T].
            items: [B, K, V].
            item_nodes: [B, K, M, G]; the first node is the item itself, the rest its places.
            scores: [B, K], first stage.
            candidate_mask: [B, K].

        Returns:
            [B, K]; masked candidates get a large negative score.
        """
        look = self._frame_edges(query_nodes, frame_mask, item_nodes)
        mean_look = look.sum(1) / frame_mask.sum(1, keepdim=True).clamp(min=1.0)
        seen = self._inner(query, items, slice(0, self.visual_size))
        spoken = self._inner(query, items, slice(self.visual_size + 1, None))
        places = patch_agreement(query_patches, frame_mask, item_nodes[:, :, 1:], self.views)
        facts = torch.stack([scores, seen, spoken, mean_look, places], -1)
        lead = facts - _best_rival(facts, candidate_mask)
        profile = look.transpose(1, 2).sort(-1, descending=True).values
        added = self.evidence(torch.cat([profile, facts, lead], -1))[..., 0]
        quality = query[:, self.visual_size, None]
        matched = scores + self.patch_weight * quality * places
        return (matched + added) * candidate_mask + (1.0 - candidate_mask) * MASKED

    def _frame_edges(self, frames: Tensor, mask: Tensor, nodes: Tensor) -> Tensor:
        """Best cosine of every frame with any node of every candidate: [B, T, K]."""
        batch, count, per_item, size = nodes.shape
        flat = nodes.reshape(batch, count * per_item, size).transpose(1, 2)
        best = (frames @ flat).reshape(batch, frames.shape[1], count, per_item).amax(-1)
        return best * mask[..., None]

    def _inner(self, query: Tensor, items: Tensor, part: slice) -> Tensor:
        return (items[:, :, part] @ query[:, part, None])[..., 0]


def _best_rival(facts: Tensor, mask: Tensor) -> Tensor:
    """For each candidate and fact, the largest value among the others: [B, K, F]."""
    if facts.shape[1] == 1:
        return torch.full_like(facts, NO_RIVAL)
    open_facts = facts * mask[..., None] + (1.0 - mask[..., None]) * NO_RIVAL
    first_two = open_facts.topk(2, 1).values
    first, second = first_two[:, :1], first_two[:, 1:]
    leads = (open_facts >= first).to(facts.dtype)
    return first * (1.0 - leads) + second * leads
