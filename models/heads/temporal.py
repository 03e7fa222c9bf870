"""Temporal difference block: frames and their differences through a small transformer.

SGMN section 2.2 (a) with right masks: a difference is valid only between two valid frames
(spec B6, B7).
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from models.heads.norms import MASKED


class TransformerLayer(nn.Module):
    """Pre-norm self-attention with an additive bias, and an MLP."""

    def __init__(self, width: int, heads: int, expansion: int = 2) -> None:
        super().__init__()
        self.heads = heads
        self.norm_in = nn.LayerNorm(width)
        self.qkv = nn.Linear(width, 3 * width)
        self.mix = nn.Linear(width, width)
        self.norm_mlp = nn.LayerNorm(width)
        self.up = nn.Linear(width, expansion * width)
        self.down = nn.Linear(expansion * width, width)

    def forward(self, x: Tensor, bias: Tensor) -> Tensor:
        """x [B, N, W], bias broadcastable to [B, heads, N, N] -> [B, N, W]."""
        batch, length, width = x.shape
        qkv = self.qkv(self.norm_in(x)).reshape(batch, length, 3, self.heads, width // self.heads)
        q, k, v = qkv.permute(2, 0, 3, 1, 4).unbind(0)
        weights = ((q @ k.transpose(2, 3)) / (width // self.heads) ** 0.5 + bias).softmax(-1)
        x = x + self.mix((weights @ v).transpose(1, 2).reshape(batch, length, width))
        return x + self.down(F.gelu(self.up(self.norm_mlp(x))))


class TemporalDifference(nn.Module):
    """Adds to each frame what its neighbours and the differences between them say."""

    def __init__(self, width: int, frames: int, heads: int) -> None:
        super().__init__()
        self.frames = frames
        self.positions = nn.Parameter(torch.randn(frames, width) * 0.02)
        self.kinds = nn.Parameter(torch.randn(2, width) * 0.02)
        self.difference_layer = TransformerLayer(width, heads)
        self.difference_norm = nn.LayerNorm(width)
        self.joint_layer = TransformerLayer(width, heads)
        self.out = nn.Linear(width, width)
        # Starts as plain mean pooling and learns what to add.
        nn.init.zeros_(self.out.weight)
        nn.init.zeros_(self.out.bias)

    def forward(self, frames: Tensor, mask: Tensor) -> Tensor:
        """frames [B, T, W], mask [B, T] -> [B, T, W]; masked frames do not reach valid ones."""
        batch, count, width = frames.shape
        steps = frames[:, 1:] - frames[:, :-1]
        steps_mask = mask[:, 1:] * mask[:, :-1]
        steps = self.difference_layer(steps + self.positions[1:], _key_bias(steps_mask))
        steps = 2.0 * torch.sigmoid(self.difference_norm(steps)) - 1.0
        places = self.positions[1:]
        pairs = torch.stack(
            [frames[:, 1:] + places + self.kinds[0], steps + places + self.kinds[1]], 2
        ).reshape(batch, 2 * (count - 1), width)
        first = frames[:, :1] + self.positions[:1] + self.kinds[0]
        tokens = torch.cat([first, pairs], 1)
        masks = torch.stack([mask[:, 1:], steps_mask], 2).reshape(batch, 2 * (count - 1))
        tokens = self.joint_layer(tokens, _key_bias(torch.cat([mask[:, :1], masks], 1)))
        kept = torch.cat(
            [tokens[:, :1], tokens[:, 1:].reshape(batch, count - 1, 2, width)[:, :, 0]], 1
        )
        return frames + self.out(kept)


def _key_bias(mask: Tensor) -> Tensor:
    return (1.0 - mask)[:, None, None, :] * MASKED
