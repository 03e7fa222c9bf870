"""The published network behind its encoder: publication 2.1 to 2.3, from that text alone.

Weights are random: speed does not depend on them. All T frames are real, so that no mask is
needed.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from models.backbones.clip import Block, QuickGelu
from models.heads.norms import unit

HEADS = 8
POSITIONS = 77
TEXT_WEIGHT = 0.5
FUSION_WIDENING = 2
"""Of the fusion's feed-forward part: 1024 for 512."""


class TemporalDifferenceBlock(nn.Module):
    """Frames and the differences between them (2.2 a).

    Args:
        width: D.
        frames: T.
    """

    def __init__(self, width: int, frames: int) -> None:
        super().__init__()
        self.positions = nn.Parameter(torch.randn(frames, width) * 0.02)
        self.kinds = nn.Parameter(torch.randn(2, width) * 0.02)
        self.difference = _block(width)
        self.difference_norm = nn.LayerNorm(width)
        self.joint = nn.ModuleList([_block(width), _block(width)])

    def forward(self, frames: Tensor) -> Tensor:
        """frames [1, T, D] -> the clip's vector v, [1, D], of unit length."""
        steps = self.difference(frames[:, 1:] - frames[:, :-1] + self.positions[1:], None)
        steps = 2.0 * torch.sigmoid(self.difference_norm(steps)) - 1.0
        placed = frames + self.positions + self.kinds[1]
        between = steps + self.positions[:-1] + self.kinds[0]
        pairs = torch.stack([placed[:, :-1], between], 2).flatten(1, 2)
        tokens = torch.cat([pairs, placed[:, -1:]], 1)
        for layer in self.joint:
            tokens = layer(tokens, None)
        return unit(unit(tokens[:, ::2] + frames).mean(1))


class Fusion(nn.Module):
    """Post-norm cross-attention of visual tokens with one text vector (2.3), both sides' own."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.attention = nn.MultiheadAttention(width, HEADS, batch_first=True)
        self.norm_read = nn.LayerNorm(width)
        self.up = nn.Linear(width, FUSION_WIDENING * width)
        self.down = nn.Linear(FUSION_WIDENING * width, width)
        self.norm_out = nn.LayerNorm(width)

    def forward(self, tokens: Tensor, text: Tensor) -> Tensor:
        """tokens [N, Q, D], text [N, D] -> [N, Q, D]."""
        key = text[:, None]
        read, _ = self.attention(tokens, key, key, need_weights=False)
        tokens = self.norm_read(tokens + read)
        mixed: Tensor = self.norm_out(tokens + self.down(F.relu(self.up(tokens))))
        return mixed


class PairMatcher(nn.Module):
    """An image's tokens look at themselves, then at a clip's; token 0 gives the logit (2.3)."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.positions = nn.Parameter(torch.randn(POSITIONS, width) * 0.02)
        self.own = _block(width)
        self.norm = nn.LayerNorm(width)
        self.query, self.key, self.value = (nn.Linear(width, width) for _ in range(3))
        self.norm_mlp = nn.LayerNorm(width)
        self.mlp = nn.Sequential(
            nn.Linear(width, 4 * width), QuickGelu(), nn.Linear(4 * width, width)
        )
        self.norm_out = nn.LayerNorm(width)
        self.pool = nn.Sequential(nn.Linear(width, width), QuickGelu())
        self.logit = nn.Linear(width, 1)

    def forward(self, image: Tensor, video: Tensor, rows: int | None = None) -> Tensor:
        """Score pairs, each image with its own copy of the clip, as the release does.

        Args:
            image: fused tokens [N, 1 + P, D].
            video: fused tokens [N, T * (1 + P), D].
            rows: how many of the image's tokens go through the last block; None for all of them.
                The first alone reaches the logit.

        Returns:
            Logits [N].
        """
        tokens = self.own(image + self.positions[: image.shape[1]], None)[:, :rows]
        clip = self.norm(video)
        asked, offered, read = (
            part(source).unflatten(2, (HEADS, -1)).transpose(1, 2)
            for part, source in (
                (self.query, self.norm(tokens)),
                (self.key, clip),
                (self.value, clip),
            )
        )
        tokens = tokens + F.scaled_dot_product_attention(asked, offered, read).transpose(
            1, 2
        ).flatten(2)
        tokens = tokens + self.mlp(self.norm_mlp(tokens))
        logits: Tensor = self.logit(self.pool(self.norm_out(tokens[:, 0])))[:, 0]
        return logits


class ReleaseNetwork(nn.Module):
    """Encoder and all that a query goes through in the release.

    Args:
        encoder: ViT: uint8 [N, S, S, 3] -> [N, D], [N, P, D]; that of preset ``b32``.
        width: D.
        frames: T.
    """

    def __init__(self, encoder: nn.Module, width: int, frames: int) -> None:
        super().__init__()
        self.encoder = encoder
        self.temporal = TemporalDifferenceBlock(width, frames)
        self.asr = nn.Linear(width, width)
        self.title = nn.Linear(width, width)
        self.fusion = Fusion(width)
        self.matcher = PairMatcher(width)

    def tokens(self, images: Tensor) -> Tensor:
        """uint8 [N, S, S, 3] -> [N, 1 + P, D], the class token first."""
        cls, patches = self.encoder(images)
        return torch.cat([cls[:, None], patches], 1)

    def clip(self, frames: Tensor, asr: Tensor) -> tuple[Tensor, Tensor]:
        """The clip's query vector and fused tokens.

        Args:
            frames: tokens [T, 1 + P, D].
            asr: sentence vector [1, D].

        Returns:
            [1, 2 D] and [1, T * (1 + P), D].
        """
        said = unit(self.asr(asr))
        vector = torch.cat([self.temporal(frames[None, :, 0]), TEXT_WEIGHT * said], 1)
        return vector, self.fusion(unit(frames).flatten(0, 1)[None], said)

    def shelf(self, images: Tensor, titles: Tensor) -> tuple[Tensor, Tensor]:
        """Items' vectors and fused tokens.

        Args:
            images: tokens [N, 1 + P, D].
            titles: sentence vectors [N, D].

        Returns:
            [N, 2 D] and [N, 1 + P, D].
        """
        named = unit(self.title(titles))
        return torch.cat([unit(images[:, 0]), named], 1), self.fusion(unit(images), named)


def _block(width: int) -> Block:
    block = Block(width, HEADS, quick_gelu=True)
    nn.init.normal_(block.attn.in_proj_weight, std=width**-0.5)
    return block
