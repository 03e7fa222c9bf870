"""Training the shared projection on pooled features, then going only part of the way.

The trained matrix knows its products and forgets how to judge others; a mixture of it with the
whitened start keeps most of both (measured on products left out).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from models.data.sampling import jittered
from models.heads.norms import masked_mean, unit
from models.heads.projection import SharedProjection
from models.losses.contrastive import symmetric_info_nce
from models.training.bank import FeatureBank
from models.training.config import ProjectionConfig, TrainerConfig
from models.training.optimiser import Group

SOURCES = ("photo", "clip", "store", "take")
WARMEST = 60.0
"""Largest inverse temperature."""


@dataclass(frozen=True)
class Pooled:
    """Pooled features of distinct products: frames [B, T, C], their mask [B, T], items [B, C]."""

    frames: Tensor
    frame_mask: Tensor
    items: Tensor


class PooledBatches:
    """Draws batches of distinct products.

    Args:
        bank: encoded corpora.
        groups: look-alike group of every product.
        config: how.
        frames: T, the most frames of a query.
        seed: of the draws.
        allowed: products that may be shown.
    """

    def __init__(
        self,
        bank: FeatureBank,
        groups: Sequence[str],
        config: ProjectionConfig,
        *,
        frames: int,
        seed: int,
        allowed: set[int],
    ) -> None:
        self._bank = bank
        self._config = config
        self._frames = frames
        self._seed = seed
        self._shots: dict[int, dict[str, list[tuple[int, ...]]]] = {}
        for item, source, rows in bank.shots:
            if item in allowed and source in SOURCES:
                self._shots.setdefault(item, {}).setdefault(source, []).append(rows)
        by_group: dict[str, list[int]] = {}
        for item in self._shots:
            by_group.setdefault(groups[item], []).append(item)
        self._groups = list(by_group.values())
        real = np.array([any("photo" in self._shots[i] for i in g) for g in self._groups])
        chances = np.where(real, config.real_weight, 1.0)
        self._chances = chances / chances.sum()

    def draw(self, step: int) -> Pooled:
        """The batch of a step, always the same one."""
        rng = np.random.default_rng([self._seed, 17, step])
        # Look-alikes come together because they are the hard ones.
        order = rng.choice(len(self._groups), len(self._groups), replace=False, p=self._chances)
        items = [item for g in order for item in self._some(g, rng)][: self._config.batch]
        rows, mask = self._frame_rows(items, rng)
        return Pooled(
            self._bank.frames.cls[rows].float(), mask, self._bank.items.cls[items].float()
        )

    def _some(self, number: int, rng: np.random.Generator) -> list[int]:
        """A group, or half a batch of it where it is larger than one, as `EpisodeSampler` does."""
        group, batch = self._groups[number], self._config.batch
        return group if len(group) <= batch else list(rng.choice(group, batch // 2, replace=False))

    def _frame_rows(self, items: list[int], rng: np.random.Generator) -> tuple[Tensor, Tensor]:
        rows = torch.zeros(len(items), self._frames, dtype=torch.long)
        mask = torch.zeros(len(items), self._frames)
        for i, item in enumerate(items):
            sources = list(self._shots[item].values())
            shots = sources[rng.integers(len(sources))]
            shot = shots[rng.integers(len(shots))]
            picked = jittered(len(shot), self._frames, rng, fewer=1.0)
            rows[i, : len(picked)] = torch.tensor([shot[p] for p in picked])
            mask[i, : len(picked)] = 1.0
        return rows, mask


class ProjectionObjective:
    """Pictures against shop pictures through the projection alone.

    Every process computes the whole batch: there is nothing to encode.

    Args:
        projection: whitened; its matrix is changed in place.
        dropout: share of features dropped on both sides.
    """

    def __init__(self, projection: SharedProjection, dropout: float) -> None:
        self._projection = projection
        self._dropout = dropout
        self._weight = projection.linear.get_parameter("weight")
        self._weight.requires_grad_(True)
        self._start = self._weight.detach().clone()
        self._scale = nn.Parameter(torch.tensor(20.0, device=self._start.device).log())

    def groups(self) -> Sequence[Group]:
        """The matrix, and the temperature ten times as fast."""
        return [Group({"weight": self._weight}), Group({"scale": self._scale}, 10.0)]

    def loss(self, batch: Pooled) -> Mapping[str, Tensor]:
        """Both ways, every other product of the batch being wrong."""
        projection, device = self._projection, self._weight.device
        frames, mask = batch.frames.to(device), batch.frame_mask.to(device)
        seen = self._dropped(projection.normalised(frames - projection.frame_mean))
        shown = self._dropped(projection.normalised(batch.items.to(device) - projection.item_mean))
        queries = unit(masked_mean(unit(projection.linear(seen)), mask))
        scores = queries @ unit(projection.linear(shown)).T
        scale = self._scale.exp().clamp(max=WARMEST)
        return {"total": symmetric_info_nce(scores.float(), scale), "scale": scale}

    @torch.no_grad()
    def go(self, part: float) -> None:
        """Go back to so far between the start (0) and the trained matrix (1)."""
        self._weight.copy_(self._start + part * (self._weight - self._start))

    def _dropped(self, x: Tensor) -> Tensor:
        return F.dropout(x, self._dropout)


def trainer_config(config: ProjectionConfig) -> TrainerConfig:
    """Constant rate, plain weights: what is kept of them `ProjectionObjective.go` says."""
    return TrainerConfig(
        steps=config.steps,
        batch=config.batch,
        rate=config.rate,
        warmup=0.0,
        floor=1.0,
        weight_decay=0.0,
        clip=0.0,
        ema=0.0,
        validate_every=0,
        save_every=200,
        precision="fp32",
    )
