"""Text-guided attention: words decide which patches of a picture count.

SGMN section 2.3 with real keys: every word is one, and a null key takes the attention where no
word fits or none was said (spec B4).
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from models.heads.norms import MASKED


class TextGuidedAttention(nn.Module):
    """One visual vector a picture, read where the words point; zero without words."""

    def __init__(self, token_size: int, text_size: int, visual_size: int, width: int = 64) -> None:
        super().__init__()
        self.patch_norm = nn.LayerNorm(token_size)
        self.query = nn.Linear(token_size, width, bias=False)
        self.key = nn.Linear(text_size, width, bias=False)
        self.null_key = nn.Parameter(torch.randn(width) * 0.02)
        self.relevance = nn.Parameter(torch.tensor(4.0))
        self.value = nn.Linear(token_size, width, bias=False)
        self.out = nn.Linear(width, visual_size, bias=False)
        nn.init.zeros_(self.out.weight)
        self.scale = width**-0.5

    def forward(self, patches: Tensor, words: Tensor, words_mask: Tensor) -> tuple[Tensor, Tensor]:
        """Read pictures under a text.

        Args:
            patches: [B, T, P, D].
            words: [B, L, E].
            words_mask: [B, L], all zero where nothing was said.

        Returns:
            [B, T, visual] to add to each picture's vector, and the attention map [B, T, P], which
            sums to one over the patches and is uniform without words.
        """
        normal = self.patch_norm(patches)
        queries, keys = self.query(normal), self.key(words)
        batch, frames, count, _ = patches.shape
        flat = queries.reshape(batch, frames * count, -1)
        fit = (flat @ keys.transpose(1, 2)) * self.scale + (1.0 - words_mask)[:, None] * MASKED
        null = (flat @ self.null_key[:, None]) * self.scale
        taken = torch.cat([null, fit], -1).softmax(-1)[..., 0]
        relevance = (1.0 - taken).reshape(batch, frames, count)
        attention = (relevance * self.relevance).softmax(-1)
        values = self.value(normal)
        read = (attention[..., None] - 1.0 / count) * values
        return self.out(read.sum(2)), attention
