"""One layer of message passing: attention with the graph's relations added to its logits."""

from __future__ import annotations

import torch
from torch import Tensor, nn

MOST_HEADS = 16
NARROWEST = 8


def graph_heads(width: int) -> int:
    """Sixteen heads as published, fewer where they would be narrower than eight numbers."""
    heads = MOST_HEADS
    while heads > 1 and (width % heads or width // heads < NARROWEST):
        heads //= 2
    return heads


class RelationLayer(nn.Module):
    """Post-norm transformer layer with an additive relation bias (publication 2.4).

    All nodes, of either domain, share every weight.

    Args:
        width: of a node; also of the feed-forward layer.
        dropout: in training.
    """

    def __init__(self, width: int, dropout: float = 0.0) -> None:
        super().__init__()
        self.heads = graph_heads(width)
        self.qkv = nn.Linear(width, 3 * width)
        self.mix = nn.Linear(width, width)
        self.norm_mixed = nn.LayerNorm(width)
        self.up = nn.Linear(width, width)
        self.down = nn.Linear(width, width)
        self.norm_out = nn.LayerNorm(width)
        self.dropout = nn.Dropout(dropout)

    def forward(self, nodes: Tensor, bias: Tensor) -> Tensor:
        """nodes [B, N, W], bias [B, N, N] of rows looking at columns -> [B, N, W]."""
        batch, count, width = nodes.shape
        part = width // self.heads
        qkv = self.qkv(nodes).reshape(batch, count, 3, self.heads, part)
        q, k, v = qkv.permute(2, 0, 3, 1, 4).unbind(0)
        weights = ((q @ k.transpose(2, 3)) * part**-0.5 + bias[:, None]).softmax(-1)
        read = (self.dropout(weights) @ v).transpose(1, 2).reshape(batch, count, width)
        nodes = self.norm_mixed(nodes + self.dropout(self.mix(read)))
        inner = self.dropout(torch.relu(self.up(nodes)))
        return self.norm_out(nodes + self.dropout(self.down(inner)))
