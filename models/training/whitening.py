"""The shared projection before training: centring and within-class whitening in closed form.

Directions in which pictures of one product differ count less. Measured to carry over to products
without photos, where a trained head does not.
"""

from __future__ import annotations

import torch
from torch import Tensor

from models.heads.projection import SharedProjection
from models.training.bank import FeatureBank

REAL = ("photo", "clip")
"""Camera pictures; drawn and staged ones would teach the wrong variation."""


@torch.no_grad()
def whiten(
    projection: SharedProjection, bank: FeatureBank, allowed: set[int], shrink: float = 0.5
) -> None:
    """Set the projection's means and matrix.

    Args:
        projection: changed in place.
        bank: encoded corpus.
        allowed: products whose pictures may be used.
        shrink: share of the within-class covariance that its mean variance replaces.
    """
    shots = [(item, rows) for item, source, rows in bank.shots if item in allowed]
    real = [(item, rows) for item, source, rows in bank.shots if source in REAL and item in allowed]
    chosen = real or shots
    rows = torch.tensor([r for _, some in chosen for r in some])
    owner = torch.tensor([item for item, some in chosen for _ in some])
    frames = bank.frames.cls[rows].float()
    projection.frame_mean.copy_(frames.mean(0))
    projection.item_mean.copy_(bank.items.cls[owner.unique()].float().mean(0))
    x = projection.normalised(frames - projection.frame_mean)
    basis = _principal(x, projection.linear.out_features)
    within = _within_covariance(x @ basis, owner)
    size = within.shape[0]
    within = (1 - shrink) * within + shrink * within.trace() / size * torch.eye(size)
    values, vectors = torch.linalg.eigh(within)
    inverse_root = vectors @ torch.diag(values.clamp(min=1e-8).rsqrt()) @ vectors.T
    matrix = (basis @ inverse_root).T
    projection.linear.weight.copy_(matrix / (x @ matrix.T).norm(dim=1).mean())


def _principal(x: Tensor, size: int) -> Tensor:
    """Leading directions of x [N, C] as columns [C, size]; fewer pictures leave zero columns."""
    found = min(size, *x.shape)
    torch.manual_seed(0)
    _, _, directions = torch.svd_lowrank(x, q=min(found + 20, *x.shape), niter=3)
    basis = torch.zeros(x.shape[1], size)
    basis[:, :found] = directions[:, :found]
    return basis


def _within_covariance(y: Tensor, owner: Tensor) -> Tensor:
    total = torch.zeros(y.shape[1], y.shape[1])
    for item in owner.unique():
        mine = y[owner == item]
        apart = mine - mine.mean(0)
        total += apart.T @ apart
    return total / len(y)
