"""The projection that queries and items share (separate towers memorise the gallery)."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from models.heads.norms import unit


class SharedProjection(nn.Module):
    """Pooled features to the visual half of a vector.

    Each side has its own mean, because shop pictures and camera frames differ by a shift before
    they differ by anything else; the linear map is one and the same. Pooled features come in
    ``blocks`` of equal length, each normalised by itself.
    """

    def __init__(self, cls_size: int, visual_size: int, blocks: int) -> None:
        super().__init__()
        self.blocks = blocks
        self.linear = nn.Linear(cls_size, visual_size, bias=False)
        self.frame_mean: Tensor
        self.item_mean: Tensor
        self.register_buffer("frame_mean", torch.zeros(cls_size))
        self.register_buffer("item_mean", torch.zeros(cls_size))

    def frames(self, cls: Tensor) -> Tensor:
        """Camera frames: cls [..., C] -> [..., visual]."""
        return self.linear(self.normalised(cls - self.frame_mean))

    def items(self, cls: Tensor) -> Tensor:
        """Shop pictures: cls [..., C] -> [..., visual]."""
        return self.linear(self.normalised(cls - self.item_mean))

    def normalised(self, centred: Tensor) -> Tensor:
        """Every block to unit length."""
        parts = centred.reshape(*centred.shape[:-1], self.blocks, -1)
        return unit(parts).reshape(centred.shape)
