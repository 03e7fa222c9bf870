"""Temporal difference block: frames and their differences through a small transformer.

SGMN section 2.2 (a) with right masks: a difference is valid only between two valid frames
(publication B6, B7).
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from models.heads.norms import MASKED

DIFFERENCE, FRAME = 0, 1
"""Rows of the type embedding."""


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
    """Adds to each frame what its neighbours and the differences between them say.

    Args:
        width: W, length of a frame's vector.
        frames: T, the longest clip.
        heads: of every layer.
        joint_layers: layers over frames and differences together; SGMN has two.
    """

    def __init__(self, width: int, frames: int, heads: int, joint_layers: int = 1) -> None:
        super().__init__()
        self.frames = frames
        self.positions = nn.Parameter(torch.randn(frames, width) * 0.02)
        self.kinds = nn.Parameter(torch.randn(2, width) * 0.02)
        self.difference_layer = TransformerLayer(width, heads)
        self.difference_norm = nn.LayerNorm(width)
        # The first one apart, as checkpoints of a single joint layer name it.
        self.joint_layer = TransformerLayer(width, heads)
        self.further_layers = nn.ModuleList(
            TransformerLayer(width, heads) for _ in range(joint_layers - 1)
        )
        self.out = nn.Linear(width, width)
        # Starts as plain mean pooling and learns what to add.
        nn.init.zeros_(self.out.weight)
        nn.init.zeros_(self.out.bias)

    def forward(self, frames: Tensor, mask: Tensor) -> Tensor:
        """frames [B, t, W], mask [B, t], 1 <= t <= T -> [B, t, W].

        Masked frames come out as zeros and do not reach valid ones.
        """
        steps, steps_mask = self._differences(frames, mask)
        tokens = self._interleaved(frames, steps)
        bias = _key_bias(self._interleaved(mask[..., None], steps_mask[..., None])[..., 0])
        tokens = self._placed(tokens)
        for layer in (self.joint_layer, *self.further_layers):
            tokens = layer(tokens, bias)
        return (frames + self.out(_frames_of(tokens))) * mask[..., None]

    def _differences(self, frames: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        """Squashed differences [B, t - 1, W] and which of them lie between two valid frames."""
        count = frames.shape[1]
        mask = mask[:, 1:] * mask[:, :-1]
        steps = frames[:, 1:] - frames[:, :-1] + self.positions[1:count]
        steps = self.difference_layer(steps, _key_bias(mask))
        return 2.0 * torch.sigmoid(self.difference_norm(steps)) - 1.0, mask

    def _interleaved(self, frames: Tensor, steps: Tensor) -> Tensor:
        """f_1, d_1, f_2, ..., d_t-1, f_t: [B, 2t - 1, W]."""
        batch, between, width = steps.shape
        pairs = torch.stack([frames[:, :-1], steps], 2).reshape(batch, 2 * between, width)
        return torch.cat([pairs, frames[:, -1:]], 1)

    def _placed(self, tokens: Tensor) -> Tensor:
        """A frame and the difference that follows it share a position, not a type."""
        count = (tokens.shape[1] + 1) // 2
        frames = self.positions[:count] + self.kinds[FRAME]
        steps = self.positions[: count - 1] + self.kinds[DIFFERENCE]
        return tokens + self._interleaved(frames[None], steps[None])


def _frames_of(tokens: Tensor) -> Tensor:
    """Every other token, beginning with the first."""
    batch, length, width = tokens.shape
    pairs = tokens[:, :-1].reshape(batch, (length - 1) // 2, 2, width)
    return torch.cat([pairs[:, :, 0], tokens[:, -1:]], 1)


def _key_bias(mask: Tensor) -> Tensor:
    return (1.0 - mask)[:, None, None, :] * MASKED
