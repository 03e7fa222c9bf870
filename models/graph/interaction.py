"""Graph-based cross-domain interaction of a training batch (publication 2.4); not at inference."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from models.config import NetworkConfig
from models.graph.edges import (
    CrossDomainEdges,
    Edges,
    RepeatedVectorEdges,
    same_domain_relevance,
    top_half,
    with_self_loops,
)
from models.graph.layer import RelationLayer
from models.heads.norms import MASKED, unit


@dataclass(frozen=True)
class Interaction:
    """A batch after the graph.

    Attributes:
        clips: enhanced clips v', [A, visual], unit length.
        items: enhanced items i', [B, visual], unit length.
        to_items: relevance of clips to items, [A, B].
        to_clips: relevance of items to clips, [B, A].
    """

    clips: Tensor
    items: Tensor
    to_items: Tensor
    to_clips: Tensor


class CrossDomainInteraction(nn.Module):
    """Clips and items of one batch as the nodes of one graph, through one layer.

    Args:
        config: sizes.
        faithful: the published edges, for ablation: connections within a domain follow the
            cross-domain product (publication B2) and cross-domain edges are nearly constant (B3).
        dropout: in training.
    """

    def __init__(
        self, config: NetworkConfig, *, faithful: bool = False, dropout: float = 0.1
    ) -> None:
        super().__init__()
        self.faithful = faithful
        kind = RepeatedVectorEdges if faithful else CrossDomainEdges
        self.cross = kind(config.frames, config.item_nodes)
        self.layer = RelationLayer(config.visual_size, dropout)

    def forward(
        self,
        clips: Tensor,
        items: Tensor,
        frame_nodes: Tensor,
        frame_mask: Tensor,
        item_nodes: Tensor,
    ) -> Interaction:
        """Let clips and items of a batch look at one another.

        Edges are built from detached vectors; gradients reach the network through the nodes alone.

        Args:
            clips: visual halves of queries, [A, visual]; the published edges need A = B.
            items: visual halves of items, [B, visual].
            frame_nodes: [A, T, G].
            frame_mask: [A, T].
            item_nodes: [B, M, G].
        """
        to_items, to_clips = self.cross(frame_nodes.detach(), frame_mask, item_nodes.detach())
        bias = torch.cat(
            [
                torch.cat([self._within(clips, items), to_items.bias()], 1),
                torch.cat([to_clips.bias(), self._within(items, clips)], 1),
            ]
        )
        nodes = unit(self.layer(torch.cat([clips, items])[None], bias[None])[0])
        count = len(clips)
        return Interaction(nodes[:count], nodes[count:], to_items.relevance, to_clips.relevance)

    def _within(self, own: Tensor, other: Tensor) -> Tensor:
        """Bias among the nodes of one domain."""
        own, other = own.detach(), other.detach()
        relevance = same_domain_relevance(own)
        if self.faithful:
            return Edges(relevance, own @ other.T).bias()
        connected = with_self_loops(top_half(relevance))
        return relevance.masked_fill(~connected, MASKED)
