"""Losses of one episode."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor


def symmetric_info_nce(scores: Tensor, scale: Tensor) -> Tensor:
    """Cross-entropy both ways of a [B, B] score matrix whose diagonal is right (spec B8).

    Args:
        scores: inner products.
        scale: inverse temperature, a scalar.
    """
    target = torch.arange(len(scores))
    logits = scores * scale
    return (F.cross_entropy(logits, target) + F.cross_entropy(logits.T, target)) / 2


def listwise(scores: Tensor, scale: Tensor, place: Tensor) -> Tensor:
    """Cross-entropy of candidate lists.

    Args:
        scores: [B, K].
        scale: inverse temperature, a scalar.
        place: column of the right candidate, [B].
    """
    return F.cross_entropy(scores * scale, place)
