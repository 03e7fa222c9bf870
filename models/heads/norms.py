"""Unit length and finite masks, safe for zero vectors and half precision."""

from __future__ import annotations

from torch import Tensor

MASKED = -1e4

LEAST_SQUARE = 1e-6
"""Floor of a squared length, and not zero in half precision either."""


def unit(x: Tensor) -> Tensor:
    """Vectors of unit length along the last axis; a zero vector stays zero (publication B18).

    One shorter than 0.001 is not brought to unit length.
    """
    return x / (x * x).sum(-1, keepdim=True).clamp(min=LEAST_SQUARE).sqrt()


def masked_mean(x: Tensor, mask: Tensor) -> Tensor:
    """Mean of x [..., T, D] over the frames of mask [..., T]; zero where there are none."""
    weights = mask[..., None]
    return (x * weights).sum(-2) / weights.sum(-2).clamp(min=1.0)
