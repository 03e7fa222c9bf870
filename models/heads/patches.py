"""Pooled patches of a picture in a space where clips and items can be compared place by place."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from models.config import NetworkConfig
from models.heads.norms import unit

POOL, STRIDE = 3, 2
"""A 7 x 7 grid becomes 3 x 3 overlapping places."""


class PatchNodes(nn.Module):
    """Places of every view of a picture, each a unit vector; one linear map for both sides.

    Each side has its own mean, as in `SharedProjection`: shop pictures and camera frames differ by
    a shift before they differ by what they show. Whitened on the training frames, so that what all
    pictures have in common does not match.
    """

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__()
        self.views = config.views
        self.grid = config.grid
        self.linear = nn.Linear(config.token_size, config.node_size, bias=False)
        nn.init.orthogonal_(self.linear.weight)
        self.frame_mean: Tensor
        self.item_mean: Tensor
        self.register_buffer("frame_mean", torch.zeros(config.token_size))
        self.register_buffer("item_mean", torch.zeros(config.token_size))

    def frames(self, tokens: Tensor) -> Tensor:
        """Camera frames: tokens [B, T, views * P, D] -> [B, T, R, G]."""
        batch, count = tokens.shape[:2]
        flat = tokens.reshape(batch * count, *tokens.shape[2:])
        nodes = self._nodes(flat - self.frame_mean)
        return nodes.reshape(batch, count, *nodes.shape[1:])

    def items(self, tokens: Tensor) -> Tensor:
        """Shop pictures: tokens [N, views * P, D] -> [N, R, G]."""
        return self._nodes(tokens - self.item_mean)

    def _nodes(self, centred: Tensor) -> Tensor:
        count, _, size = centred.shape
        square = centred.reshape(count * self.views, self.grid, self.grid, size).permute(0, 3, 1, 2)
        pooled = F.avg_pool2d(square, POOL, STRIDE).flatten(2).transpose(1, 2)
        places = pooled.reshape(count, self.views * pooled.shape[1], size)
        return unit(self.linear(places))
