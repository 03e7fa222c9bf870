"""What is set without gradients, in seconds: whitening of pictures and places, the item memory.

Directions in which pictures of one product differ count less, and what separates shop pictures from
photos is carried over to products without photos. Measured on products left out, both carry over
where a trained head does not.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from models.heads.patches import PatchNodes
from models.heads.projection import SharedProjection
from models.sgmn import Sgmn
from models.training.bank import FeatureBank
from models.training.config import ClosedFormConfig

REAL = ("photo", "clip")
"""Camera pictures; drawn and staged ones would teach the wrong variation."""

CHUNK = 512


@dataclass(frozen=True)
class CameraPictures:
    """Pictures of allowed products as a camera took them.

    Attributes:
        rows: of the bank's frames.
        owner: product of each.
        still: whether each is a photo by itself rather than a frame of a degraded clip.
    """

    rows: Tensor
    owner: Tensor
    still: Tensor

    @classmethod
    def of(cls, bank: FeatureBank, allowed: set[int]) -> CameraPictures:
        """Those of a bank; whatever pictures there are where none is a camera's."""
        shots = [(item, source, rows) for item, source, rows in bank.shots if item in allowed]
        real = [shot for shot in shots if shot[1] in REAL] or shots
        return cls(
            torch.tensor([r for _, _, some in real for r in some]),
            torch.tensor([item for item, _, some in real for _ in some]),
            torch.tensor([source != "clip" for _, source, some in real for _ in some]),
        )

    @property
    def photos(self) -> Tensor:
        """Rows of the still ones, or of all where none is."""
        return self.rows[self.still] if self.still.any() else self.rows


@torch.no_grad()
def set_closed_form(
    network: Sgmn, bank: FeatureBank, allowed: set[int], config: ClosedFormConfig
) -> None:
    """Set the projection, the patch nodes and the weight of places; the item memory is emptied.

    Args:
        network: changed in place, on the processor.
        bank: encoded corpora.
        allowed: products whose camera pictures may be used.
        config: how.
    """
    seen = CameraPictures.of(bank, allowed)
    whiten(network.shared.projection, bank, seen, config.shrink)
    whiten_patches(network.shared.patches, bank, seen.photos, seen.owner.unique())
    network.reranker.patch_weight.fill_(config.patch_weight)
    network.item_head.memory.clear()


def whiten(
    projection: SharedProjection, bank: FeatureBank, seen: CameraPictures, shrink: float
) -> None:
    """Set the projection's means and matrix.

    Args:
        projection: changed in place.
        bank: encoded corpora.
        seen: camera pictures; the mean of the frames is that of the still ones.
        shrink: share of the within-class covariance that its mean variance replaces.
    """
    frames = bank.frames.cls[seen.rows].float()
    projection.frame_mean.copy_(bank.frames.cls[seen.photos].float().mean(0))
    projection.item_mean.copy_(bank.items.cls[seen.owner.unique()].float().mean(0))
    x = projection.normalised(frames - projection.frame_mean)
    basis = _principal(x, projection.linear.out_features)
    within = _within_covariance(x @ basis, seen.owner)
    size = within.shape[0]
    within = (1 - shrink) * within + shrink * within.trace() / size * torch.eye(size)
    values, vectors = torch.linalg.eigh(within)
    inverse_root = vectors @ torch.diag(values.clamp(min=1e-8).rsqrt()) @ vectors.T
    matrix = (basis @ inverse_root).T
    projection.linear.weight.copy_(matrix / (x @ matrix.T).norm(dim=1).mean())


def whiten_patches(patches: PatchNodes, bank: FeatureBank, photos: Tensor, items: Tensor) -> None:
    """Set the patches' means and matrix: principal directions of photos' tokens, whitened.

    Args:
        patches: changed in place.
        bank: encoded corpora.
        photos: rows of ``bank.frames``, one at least.
        items: products whose shop pictures give the mean of that side.
    """
    size = bank.frames.tokens.shape[-1]
    total, squares, count = torch.zeros(size), torch.zeros(size, size), 0
    for some in photos.split(CHUNK):
        tokens = bank.frames.tokens[some].float().reshape(-1, size)
        total += tokens.sum(0)
        squares += tokens.T @ tokens
        count += len(tokens)
    mean = total / count
    covariance = squares / count - torch.outer(mean, mean)
    patches.frame_mean.copy_(mean)
    patches.item_mean.copy_(bank.items.tokens[items].float().reshape(-1, size).mean(0))
    values, vectors = torch.linalg.eigh(covariance)
    kept = min(size, patches.linear.out_features)
    matrix = torch.zeros_like(patches.linear.weight)
    leading = values[-kept:].clamp(min=1e-6 * float(values[-1].clamp(min=1e-6)))
    matrix[:kept] = (vectors[:, -kept:] * leading.rsqrt()).T
    patches.linear.weight.copy_(matrix)


@torch.no_grad()
def remember(
    network: Sgmn, bank: FeatureBank, seen: CameraPictures, config: ClosedFormConfig
) -> None:
    """Fill the item head's memory with products that have photos; some by chance of too many.

    After everything else: while heads are trained, no product may be known by its photos already.
    A product's photos and the frames of its degraded clips count half each.

    Args:
        network: changed in place, on the processor.
        bank: encoded corpora.
        seen: camera pictures.
        config: how.
    """
    memory, projection = network.item_head.memory, network.shared.projection
    products = seen.owner.unique()
    if len(products) > network.config.memory:
        drawn = torch.randperm(len(products), generator=torch.Generator().manual_seed(0))
        products = products[drawn[: network.config.memory]].sort().values
    means = []
    for product in products:
        mine = [seen.rows[(seen.owner == product) & kind] for kind in (seen.still, ~seen.still)]
        kinds = [projection.frames(bank.frames.cls[r].float()).mean(0) for r in mine if len(r)]
        means.append(torch.stack(kinds).mean(0))
    memory.fit(
        projection.items(bank.items.cls[products].float()),
        bank.titles.pooled[products],
        torch.stack(means) if means else torch.zeros(0, network.config.visual_size),
        share=config.share,
        ridge=config.ridge,
        picture_share=config.picture_share,
    )


def _principal(x: Tensor, size: int) -> Tensor:
    """Leading directions of x [N, C] as columns [C, size]; fewer pictures leave zero columns."""
    found = min(size, *x.shape)
    with torch.random.fork_rng(devices=[]):
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
