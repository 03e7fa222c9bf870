"""A picture as a few tokens that know what was said of it; clips and items share all of it."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from models.config import NetworkConfig
from models.heads.norms import MASKED, masked_mean

PLACES = 9
"""Pooled patches of a picture."""


class WordFusion(nn.Module):
    """Adds to every token what the words say to it; nothing without words.

    Every word is a key beside a null key whose value is zero (publication B4).
    """

    def __init__(self, width: int, text_size: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.query = nn.Linear(width, width, bias=False)
        self.key = nn.Linear(text_size, width, bias=False)
        self.value = nn.Linear(text_size, width, bias=False)
        self.null_key = nn.Parameter(torch.randn(width) * 0.02)
        self.out = nn.Linear(width, width, bias=False)
        self.scale = width**-0.5

    def forward(self, tokens: Tensor, words: Tensor, mask: Tensor) -> Tensor:
        """tokens [N, Q, W], words [N, L, E], mask [N, L] -> [N, Q, W]."""
        queries = self.query(self.norm(tokens))
        fit = (queries @ self.key(words).transpose(1, 2)) * self.scale
        fit = fit + (1.0 - mask)[:, None] * MASKED
        null = (queries @ self.null_key[:, None]) * self.scale
        weights = torch.cat([null, fit], -1).softmax(-1)[..., 1:]
        return tokens + self.out(weights @ self.value(words))


class MeanWordFusion(nn.Module):
    """The published fusion (publication B4), for ablation: one text vector for every token.

    Same signature as `WordFusion`.
    """

    def __init__(self, width: int, text_size: int) -> None:
        super().__init__()
        self.value = nn.Linear(text_size, width, bias=False)
        self.out = nn.Linear(width, width, bias=False)

    def forward(self, tokens: Tensor, words: Tensor, mask: Tensor) -> Tensor:
        """As `WordFusion.forward`."""
        return tokens + self.out(self.value(masked_mean(words, mask)))[:, None]


class PictureTokens(nn.Module):
    """Node and 3 x 3 pooled patches of a picture, joined with words: M tokens of width G."""

    def __init__(self, config: NetworkConfig, *, single_key: bool = False) -> None:
        super().__init__()
        self.grid = config.grid
        self.count = config.patches
        self.patch = nn.Linear(config.token_size, config.node_size)
        self.places = nn.Parameter(torch.randn(PLACES + 1, config.node_size) * 0.02)
        kind = MeanWordFusion if single_key else WordFusion
        self.words = kind(config.node_size, config.text_size)

    def forward(self, patches: Tensor, node: Tensor, words: Tensor, words_mask: Tensor) -> Tensor:
        """Pool, place and fuse the pictures of one text.

        Args:
            patches: [N, T, views * P, D]; those of the first view are used.
            node: [N, T, G].
            words: [N, L, E].
            words_mask: [N, L].

        Returns:
            [N, T, M, G]; the first token comes from the node.
        """
        batch, frames = patches.shape[:2]
        square = (
            patches[:, :, : self.count]
            .transpose(2, 3)
            .reshape(batch * frames, -1, self.grid, self.grid)
        )
        pooled = F.avg_pool2d(square, 3, 2).flatten(2).transpose(1, 2)
        pooled = self.patch(pooled).reshape(batch, frames, -1, node.shape[-1])
        tokens = torch.cat([node[:, :, None], pooled], 2) + self.places
        places, width = tokens.shape[2:]
        flat = tokens.reshape(batch, frames * places, width)
        return self.words(flat, words, words_mask).reshape(batch, frames, places, width)
