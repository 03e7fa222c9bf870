"""Second stage: a graph over the clip's frames, the clip and its K candidates.

Our list-wise form of SGMN's graph (spec section 6, ``gci_rerank``): nodes are T frames, one clip
and K candidates; edges are an additive bias on one attention layer. The published network has no
graph at inference.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from models.config import NetworkConfig
from models.heads.norms import MASKED
from models.heads.temporal import TransformerLayer


class GraphReranker(nn.Module):
    """First-stage scores plus what the graph adds; equivariant to the candidates' order."""

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__()
        width = config.node_size
        self.visual_size = config.visual_size
        self.clip_in = nn.Linear(config.visual_size, width)
        self.frame_in = nn.Linear(config.node_size, width)
        self.kinds = nn.Parameter(torch.randn(3, width) * 0.02)
        self.profile = nn.Sequential(nn.Linear(config.frames, 16), nn.ReLU(), nn.Linear(16, 1))
        self.text_edge = nn.Parameter(torch.tensor(1.0))
        self.layer = TransformerLayer(width, config.heads)
        self.evidence = nn.Sequential(
            nn.Linear(width + config.frames + 3, 64), nn.ReLU(), nn.Linear(64, 1)
        )
        # Starts as the first stage's order.
        last = self.evidence[2]
        nn.init.zeros_(last.weight)  # type: ignore[arg-type]
        nn.init.zeros_(last.bias)  # type: ignore[arg-type]

    def forward(
        self,
        query: Tensor,
        query_nodes: Tensor,
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
            frame_mask: [B, T].
            items: [B, K, V].
            item_nodes: [B, K, M, G].
            scores: [B, K], first stage.
            candidate_mask: [B, K].

        Returns:
            [B, K]; masked candidates get a large negative score.
        """
        look = self._frame_to_candidate(query_nodes, frame_mask, item_nodes)
        profile = look.transpose(1, 2).sort(-1, descending=True).values
        spoken = self._inner(query, items, slice(self.visual_size, None))
        seen = self._inner(query, items, slice(0, self.visual_size))
        clip_edge = self.profile(profile)[..., 0] + self.text_edge * spoken
        nodes = self._nodes(query, query_nodes, items)
        bias = self._edges(query_nodes, items, look, clip_edge, frame_mask, candidate_mask)
        graph = self.layer(nodes, bias[:, None])[:, query_nodes.shape[1] + 1 :]
        facts = torch.stack([scores, seen, spoken], -1)
        added = self.evidence(torch.cat([graph, profile, facts], -1))[..., 0]
        return (scores + added) * candidate_mask + (1.0 - candidate_mask) * MASKED

    def _frame_to_candidate(self, frames: Tensor, mask: Tensor, nodes: Tensor) -> Tensor:
        """Best cosine of every frame with any node of every candidate: [B, T, K]."""
        batch, count, per_item, size = nodes.shape
        flat = nodes.reshape(batch, count * per_item, size).transpose(1, 2)
        best = (frames @ flat).reshape(batch, frames.shape[1], count, per_item).amax(-1)
        return best * mask[..., None]

    def _inner(self, query: Tensor, items: Tensor, part: slice) -> Tensor:
        return (items[:, :, part] @ query[:, part, None])[..., 0]

    def _nodes(self, query: Tensor, frames: Tensor, items: Tensor) -> Tensor:
        clip = self.clip_in(query[:, None, : self.visual_size]) + self.kinds[1]
        candidates = self.clip_in(items[:, :, : self.visual_size]) + self.kinds[2]
        return torch.cat([self.frame_in(frames) + self.kinds[0], clip, candidates], 1)

    def _edges(
        self,
        frames: Tensor,
        items: Tensor,
        look: Tensor,
        clip_edge: Tensor,
        frame_mask: Tensor,
        candidate_mask: Tensor,
    ) -> Tensor:
        """Additive bias [B, T + 1 + K, T + 1 + K]."""
        visual = items[:, :, : self.visual_size]
        among_frames = _closeness(frames @ frames.transpose(1, 2))
        among_items = _closeness(visual @ visual.transpose(1, 2))
        zero = torch.zeros_like(frame_mask[:, :, None])
        top = torch.cat([among_frames, zero, look], 2)
        middle = torch.cat([zero.transpose(1, 2), zero[:, :1], clip_edge[:, None]], 2)
        bottom = torch.cat([look.transpose(1, 2), clip_edge[..., None], among_items], 2)
        keys = torch.cat([frame_mask, torch.ones_like(frame_mask[:, :1]), candidate_mask], 1)
        return torch.cat([top, middle, bottom], 1) + (1.0 - keys)[:, None] * MASKED


def _closeness(cosine: Tensor) -> Tensor:
    """exp(-distance) of unit vectors; no ``cdist``, which ONNX lacks."""
    return torch.exp(-(2.0 - 2.0 * cosine).clamp(min=1e-6).sqrt())
