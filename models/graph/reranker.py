"""Second stage by the graph: clip, frames and candidates look at one another.

``gci_rerank``: SGMN's cross-domain graph, which the publication uses in training alone, in a
list-wise form that runs on one query.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from models.config import NetworkConfig
from models.graph.edges import ProfileRelevance, frame_profile, same_domain_relevance
from models.graph.layer import RelationLayer
from models.graph.relation import RelationReranker
from models.heads.norms import MASKED, masked_mean, unit


class GraphReranker(nn.Module):
    """s1 = s0 + beta <v', i'_c> + evidence of the edges; starts as the first stage's order.

    Nodes are T frames, the clip and K candidates. One layer with weights common to all nodes gives
    v' and i'; the evidence is `RelationReranker`'s, so that the graph's own share can be told.
    Equivariant to the candidates' order; padding and other queries change nothing.
    """

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__()
        self.visual_size = config.visual_size
        self.relation = RelationReranker(config)
        self.profile = ProfileRelevance(config.frames)
        self.text_relation = nn.Parameter(torch.tensor(1.0))
        self.layer = RelationLayer(config.node_size)
        self.beta = nn.Parameter(torch.tensor(0.0))

    @property
    def patch_weight(self) -> nn.Parameter:
        """Of the agreement of places, as in `RelationReranker`."""
        return self.relation.patch_weight

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
            item_nodes: [B, K, M, G]; the first node is the item itself.
            scores: [B, K], first stage.
            candidate_mask: [B, K].

        Returns:
            [B, K]; masked candidates get a large negative score.
        """
        frames = query_nodes * frame_mask[..., None]
        clip = unit(masked_mean(frames, frame_mask))[:, None]
        candidates = item_nodes[:, :, 0] * candidate_mask[..., None]
        spoken = self._spoken(query, items)
        bias = self._relations(frames, clip, candidates, item_nodes, frame_mask, spoken)
        bias = bias + _key_bias(frame_mask, candidate_mask)
        out = unit(self.layer(torch.cat([frames, clip, candidates], 1), bias))
        place = frames.shape[1]
        agreement = (out[:, place + 1 :] @ out[:, place, :, None])[..., 0]
        weighed = self.relation(
            query,
            query_nodes,
            query_patches,
            frame_mask,
            items,
            item_nodes,
            scores,
            candidate_mask,
        )
        return weighed + self.beta * agreement * candidate_mask

    def _relations(
        self,
        frames: Tensor,
        clip: Tensor,
        candidates: Tensor,
        item_nodes: Tensor,
        frame_mask: Tensor,
        spoken: Tensor,
    ) -> Tensor:
        """Additive logits between all nodes, [B, T + 1 + K, T + 1 + K]."""
        batch, count, per_item, size = item_nodes.shape
        flat = item_nodes.reshape(batch, count * per_item, size).transpose(1, 2)
        cosines = (frames @ flat).reshape(batch, frames.shape[1], count, per_item).transpose(1, 2)
        profile = frame_profile(cosines, frame_mask[:, None])
        clip_edges = (self.profile(profile) + self.text_relation * spoken)[:, None]
        across = torch.cat([frames @ candidates.transpose(1, 2), clip_edges], 1)
        return torch.cat(
            [
                torch.cat([same_domain_relevance(torch.cat([frames, clip], 1)), across], 2),
                torch.cat([across.transpose(1, 2), same_domain_relevance(candidates)], 2),
            ],
            1,
        )

    def _spoken(self, query: Tensor, items: Tensor) -> Tensor:
        text = slice(self.visual_size + 1, None)
        return (items[:, :, text] @ query[:, text, None])[..., 0]


def _key_bias(frame_mask: Tensor, candidate_mask: Tensor) -> Tensor:
    """[B, 1, T + 1 + K]; the clip itself is always there."""
    clip = torch.ones_like(frame_mask[:, :1])
    return (1.0 - torch.cat([frame_mask, clip, candidate_mask], 1))[:, None] * MASKED
