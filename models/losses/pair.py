"""Loss of the pair scorer over mined pairs (publication 3.4, B1)."""

from __future__ import annotations

import torch
from torch import Tensor

from models.heads.norms import MASKED


def pair_cross_entropy(
    logits: Tensor, found: Tensor | None = None, *, diagonal: bool = False
) -> Tensor:
    """Cross-entropy of the first column, the right pair, against mined wrong ones.

    Args:
        logits: [B, 1 + H], the right pair first.
        found: which columns hold a pair at all, booleans [B, 1 + H]; all by default.
        diagonal: the published loss, for ablation: row b is led towards column b, so that only
            1 + H rows count and all but the first are led towards a wrong pair.
    """
    if found is not None:
        logits = logits.masked_fill(~found, MASKED)
    chances = logits.log_softmax(1)
    right = torch.diagonal(chances) if diagonal else chances[:, 0]
    return -right.mean()
