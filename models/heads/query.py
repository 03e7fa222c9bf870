"""Query head: frames and speech to a first-stage vector, second-stage nodes, an attention map."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from models.config import NetworkConfig
from models.heads.attention import TextGuidedAttention
from models.heads.norms import masked_mean, unit
from models.heads.projection import SharedProjection
from models.heads.temporal import TemporalDifference


class SharedParts(nn.Module):
    """What queries and items have in common."""

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__()
        self.projection = SharedProjection(config.cls_size, config.visual_size, config.cls_blocks)
        self.attention = TextGuidedAttention(
            config.token_size, config.text_size, config.visual_size
        )
        self.words = nn.Linear(config.text_size, config.text_size, bias=False)
        self.node = nn.Linear(config.visual_size, config.node_size, bias=False)
        nn.init.eye_(self.words.weight)
        nn.init.orthogonal_(self.node.weight)


class QueryHead(nn.Module):
    """Global representation of a clip (SGMN section 2.2) with words guiding the pictures."""

    def __init__(self, config: NetworkConfig, shared: SharedParts) -> None:
        super().__init__()
        self.shared = shared
        self.temporal = TemporalDifference(config.visual_size, config.frames, config.heads)
        self.text_weight = nn.Parameter(torch.tensor(0.5))

    def forward(
        self,
        cls: Tensor,
        tokens: Tensor,
        frame_mask: Tensor,
        text_pooled: Tensor,
        text_tokens: Tensor,
        text_mask: Tensor,
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Join frames and words.

        Args:
            cls: [B, T, C].
            tokens: [B, T, P, D].
            frame_mask: [B, T].
            text_pooled: [B, E].
            text_tokens: [B, L, E].
            text_mask: [B, L], all zero without words.

        Returns:
            query [B, V], nodes [B, T, G], attention [B, T, P].
        """
        seen, attention = self.shared.attention(tokens, text_tokens, text_mask)
        frames = unit(self.shared.projection.frames(cls)) + seen
        frames = frames * frame_mask[..., None]
        frames = unit(self.temporal(frames, frame_mask)) * frame_mask[..., None]
        visual = unit(masked_mean(frames, frame_mask))
        has_text = text_mask.amax(1, keepdim=True)
        spoken = unit(self.shared.words(text_pooled)) * has_text * self.text_weight
        nodes = unit(self.shared.node(frames)) * frame_mask[..., None]
        return torch.cat([visual, spoken], 1), nodes, attention
