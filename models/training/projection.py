"""Training the shared projection on pooled features, then going only part of the way.

The trained matrix knows its products and forgets how to judge others; a mixture of it with the
whitened start keeps most of both (measured on products left out).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from models.data.sampling import jittered
from models.heads.norms import masked_mean, unit
from models.heads.projection import SharedProjection
from models.training.bank import FeatureBank
from models.training.config import ProjectionConfig
from models.training.losses import symmetric_info_nce

Progress = Callable[..., Iterable[Any]]
SOURCES = ("photo", "clip", "store", "take")


class ProjectionTraining:
    """One run over batches of distinct products.

    Args:
        projection: whitened; changed in place.
        bank: encoded corpus.
        groups: look-alike group of every product.
        config: how.
        frames: T, the most frames of a query.
        seed: of the draws.
        allowed: products that may be shown.
    """

    def __init__(
        self,
        projection: SharedProjection,
        bank: FeatureBank,
        groups: list[str],
        config: ProjectionConfig,
        *,
        frames: int,
        seed: int,
        allowed: set[int],
    ) -> None:
        self._projection = projection
        self._bank = bank
        self._config = config
        self._frames = frames
        self._rng = np.random.default_rng([seed, 17])
        self._shots: dict[int, dict[str, list[tuple[int, ...]]]] = {}
        for item, source, rows in bank.shots:
            if item in allowed and source in SOURCES:
                self._shots.setdefault(item, {}).setdefault(source, []).append(rows)
        self._groups: dict[str, list[int]] = {}
        for item in self._shots:
            self._groups.setdefault(groups[item], []).append(item)

    def run(self, progress: Progress) -> float:
        """Train and mix; returns the last batch's loss."""
        weight = self._projection.linear.weight
        start = weight.detach().clone()
        scale = nn.Parameter(torch.tensor(20.0).log())
        optimiser = torch.optim.Adam(
            [{"params": [weight], "lr": self._config.rate}, {"params": [scale], "lr": 1e-3}]
        )
        loss = torch.zeros(())
        steps = range(self._config.steps)
        for _ in progress(steps, label="Projection", total=self._config.steps):
            loss = self._loss(scale.exp().clamp(max=60.0))
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
        with torch.no_grad():
            weight.copy_(start + self._config.keep * (weight - start))
        return loss.item()

    def _loss(self, scale: Tensor) -> Tensor:
        items = self._chosen()
        rows, mask = self._frame_rows(items)
        projection = self._projection
        frames = self._bank.frames.cls[rows.reshape(-1)].float()
        seen = F.dropout(
            projection.normalised(frames - projection.frame_mean), self._config.dropout
        )
        shop = self._bank.items.cls[torch.from_numpy(items)].float()
        shown = F.dropout(projection.normalised(shop - projection.item_mean), self._config.dropout)
        frame_vectors = unit(projection.linear(seen)).reshape(len(items), self._frames, -1)
        queries = unit(masked_mean(frame_vectors, mask))
        return symmetric_info_nce(queries @ unit(projection.linear(shown)).T, scale)

    def _chosen(self) -> np.ndarray:
        """Products of a batch, look-alikes together because they are the hard ones."""
        groups = list(self._groups.values())
        real = np.array([any("photo" in self._shots[i] for i in group) for group in groups])
        chances = np.where(real, self._config.real_weight, 1.0)
        order = self._rng.choice(len(groups), len(groups), replace=False, p=chances / chances.sum())
        items = [item for g in order for item in groups[g]]
        return np.array(items[: self._config.batch])

    def _frame_rows(self, items: np.ndarray) -> tuple[Tensor, Tensor]:
        rows = torch.zeros(len(items), self._frames, dtype=torch.long)
        mask = torch.zeros(len(items), self._frames)
        for i, item in enumerate(items):
            sources = list(self._shots[item].values())
            shots = sources[self._rng.integers(len(sources))]
            shot = shots[self._rng.integers(len(shots))]
            picked = jittered(len(shot), self._frames, self._rng, fewer=1.0)
            rows[i, : len(picked)] = torch.tensor([shot[p] for p in picked])
            mask[i, : len(picked)] = 1.0
        return rows, mask
