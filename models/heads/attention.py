"""Text-guided attention: words decide which patches of a picture count.

SGMN section 2.3 with real keys: every word is one, and a null key takes the attention where no
word fits or none was said (publication B4).
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from models.heads.norms import MASKED, masked_mean


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


class SingleKeyFusion(nn.Module):
    """The published fusion, for ablation: the pooled text is the only key (publication 2.3, B4).

    A softmax over one key is one, so that queries and keys would never learn; what remains is the
    same text vector added to every patch, and a feed-forward layer. The map is always uniform.
    """

    def __init__(self, token_size: int, text_size: int, visual_size: int) -> None:
        super().__init__()
        self.value = nn.Linear(text_size, token_size)
        self.norm_in = nn.LayerNorm(token_size)
        self.up = nn.Linear(token_size, 2 * token_size)
        self.down = nn.Linear(2 * token_size, token_size)
        self.norm_out = nn.LayerNorm(token_size)
        self.out = nn.Linear(token_size, visual_size, bias=False)
        nn.init.zeros_(self.out.weight)

    def forward(self, patches: Tensor, words: Tensor, words_mask: Tensor) -> tuple[Tensor, Tensor]:
        """As `TextGuidedAttention.forward`, and nothing is added without words either."""
        text = self.value(masked_mean(words, words_mask))[:, None, None]
        fused = self.norm_in(patches + text)
        fused = self.norm_out(fused + self.down(F.relu(self.up(fused))))
        has_text = words_mask.amax(1)[:, None, None]
        uniform = torch.full_like(patches[..., 0], 1.0 / patches.shape[2])
        return self.out(fused.mean(2)) * has_text, uniform
