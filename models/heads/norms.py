"""Unit length and finite masks, safe for zero vectors and half precision."""

from __future__ import annotations

from torch import Tensor

MASKED = -1e4


def unit(x: Tensor) -> Tensor:
    """Vectors of unit length along the last axis; a zero vector stays zero (spec B18)."""
    return x / (x * x).sum(-1, keepdim=True).clamp(min=1e-12).sqrt()


def masked_mean(x: Tensor, mask: Tensor) -> Tensor:
    """Mean of x [..., T, D] over the frames of mask [..., T]; zero where there are none."""
    weights = mask[..., None]
    return (x * weights).sum(-2) / weights.sum(-2).clamp(min=1.0)
