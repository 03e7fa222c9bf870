"""Query head: frames and speech to a first-stage vector, second-stage nodes, an attention map."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from models.config import NetworkConfig
from models.heads.attention import SingleKeyFusion, TextGuidedAttention
from models.heads.norms import masked_mean, unit
from models.heads.patches import PatchNodes
from models.heads.pooling import TextGuidedPool
from models.heads.projection import SharedProjection
from models.heads.temporal import TemporalDifference

CLEAR = 0.3
"""Mean cosine between two frames of a clip from which on it counts as clear."""

LOWEST = 0.36
"""Least agreement, in units of `CLEAR`, of a clip that has frames."""


class SharedParts(nn.Module):
    """What queries and items have in common.

    Args:
        config: sizes.
        single_key: the published fusion, in which one text vector is the only key (publication B4),
            in place of attention with every word as a key; for ablation.
    """

    def __init__(self, config: NetworkConfig, *, single_key: bool = False) -> None:
        super().__init__()
        self.projection = SharedProjection(config.cls_size, config.visual_size, config.cls_blocks)
        kind = SingleKeyFusion if single_key else TextGuidedAttention
        self.attention = kind(config.token_size, config.text_size, config.visual_size)
        self.words = nn.Linear(config.text_size, config.text_size, bias=False)
        self.node = nn.Linear(config.visual_size, config.node_size, bias=False)
        self.patches = PatchNodes(config)
        nn.init.eye_(self.words.weight)
        nn.init.orthogonal_(self.node.weight)


class QueryHead(nn.Module):
    """Global representation of a clip (SGMN section 2.2) with words guiding the pictures.

    Args:
        config: sizes.
        shared: parts in common with the item head.
        joint_layers: of the temporal difference block.
        text_guided_pool: words also weigh the frames (publication B5); else all count alike.
    """

    def __init__(
        self,
        config: NetworkConfig,
        shared: SharedParts,
        *,
        joint_layers: int = 1,
        text_guided_pool: bool = False,
    ) -> None:
        super().__init__()
        self.shared = shared
        self.map = config.patches
        self.temporal = TemporalDifference(
            config.visual_size, config.frames, config.heads, joint_layers
        )
        self.pool = (
            TextGuidedPool(config.text_size, config.visual_size) if text_guided_pool else None
        )
        self.text_weight = nn.Parameter(torch.tensor(0.5))

    def forward(
        self,
        cls: Tensor,
        tokens: Tensor,
        frame_mask: Tensor,
        text_pooled: Tensor,
        text_tokens: Tensor,
        text_mask: Tensor,
    ) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Join frames and words.

        Args:
            cls: [B, T, C].
            tokens: [B, T, views * P, D].
            frame_mask: [B, T].
            text_pooled: [B, E].
            text_tokens: [B, L, E].
            text_mask: [B, L], all zero without words.

        Returns:
            query [B, V], nodes [B, T, G], patches [B, T, R, G], attention [B, T, P]. The query is
            [visual; quality; weight * text] and an item [visual; bias; text], so that the whole
            first stage is one inner product.
        """
        whole = tokens[:, :, : self.map]
        seen, attention = self.shared.attention(whole, text_tokens, text_mask)
        frames = unit(self.shared.projection.frames(cls)) + seen
        frames = frames * frame_mask[..., None]
        frames = unit(self.temporal(frames, frame_mask)) * frame_mask[..., None]
        has_text = text_mask.amax(1, keepdim=True)
        spoken = unit(self.shared.words(text_pooled)) * has_text
        if self.pool is None:
            visual = unit(masked_mean(frames, frame_mask))
        else:
            visual = unit(self.pool(frames, frame_mask, spoken))
        nodes = unit(self.shared.node(frames)) * frame_mask[..., None]
        patches = self.shared.patches.frames(tokens) * frame_mask[..., None, None]
        query = torch.cat([visual, _quality(frames, frame_mask), spoken * self.text_weight], 1)
        return query, nodes, patches, attention


def _quality(frames: Tensor, mask: Tensor) -> Tensor:
    """How far the frames of a clip agree: [B, 1], 0 to 1.

    The mean cosine of two different frames, in units of what clear clips reach, squared; 1 for one
    frame and 0 for none. Small, covered or blurred products make frames disagree.
    """
    count = mask.sum(1, keepdim=True)
    total = frames.sum(1)
    pairs = ((total * total).sum(1, keepdim=True) - count) / (count * (count - 1.0)).clamp(min=1.0)
    several = (count - 1.0).clamp(0.0, 1.0)
    agreement = pairs * several + (1.0 - several) * CLEAR
    clear = (agreement / CLEAR).clamp(LOWEST, 1.0)
    return clear * clear * count.clamp(max=1.0)
