"""Training what reads words and relations: text-guided attention, text half, re-ranker.

Runs on the whitened projection, before that is trained: with a projection that knows the training
products by heart, the re-ranker would learn to trust pictures more than it may on new ones.
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from models.sgmn import Sgmn
from models.training.bank import FeatureBank
from models.training.config import HeadConfig
from models.training.episodes import Episode, EpisodeSampler
from models.training.losses import listwise, symmetric_info_nce

Progress = Callable[..., Iterable[Any]]
COLUMNS = ("step", "joint", "visual", "rerank", "scale")


@dataclass(frozen=True)
class StepLosses:
    """The parts of one episode's loss."""

    joint: Tensor
    visual: Tensor
    rerank: Tensor

    def total(self, config: HeadConfig) -> Tensor:
        """Weighted sum."""
        return self.joint + config.visual_weight * self.visual + config.rerank_weight * self.rerank


class HeadTraining:
    """One run over episodes.

    Args:
        network: its heads are changed in place; projection and temporal block stay.
        bank: encoded corpus.
        sampler: draws the episodes.
        config: how.
    """

    def __init__(
        self, network: Sgmn, bank: FeatureBank, sampler: EpisodeSampler, config: HeadConfig
    ) -> None:
        self._network = network
        self._bank = bank
        self._sampler = sampler
        self._config = config
        self._scale = nn.Parameter(torch.tensor(20.0).log())

    def run(self, log: Path, progress: Progress) -> None:
        """Train; losses go to a CSV file. No steps leave the heads as they are."""
        if self._config.steps == 0:
            return
        trained = self._trained()
        optimiser = torch.optim.AdamW(trained, lr=self._config.rate, weight_decay=0.01)
        schedule = torch.optim.lr_scheduler.OneCycleLR(
            optimiser,
            self._config.rate,
            total_steps=self._config.steps,
            # OneCycleLR divides by zero where the rise is exactly one step.
            pct_start=0.1 if self._config.steps != 10 else 0.2,
            cycle_momentum=False,
        )
        with log.open("w", encoding="utf-8", newline="") as file:
            rows = csv.writer(file)
            rows.writerow(COLUMNS)
            steps = range(self._config.steps)
            for step in progress(steps, label="Heads", total=self._config.steps):
                losses = self._losses(self._sampler.draw())
                optimiser.zero_grad()
                losses.total(self._config).backward()
                nn.utils.clip_grad_norm_(trained, 1.0)
                optimiser.step()
                schedule.step()
                parts = (losses.joint, losses.visual, losses.rerank, self._scale.exp())
                rows.writerow([step, *(f"{part.item():.5f}" for part in parts)])

    def _losses(self, episode: Episode) -> StepLosses:
        network, size = self._network, self._network.config.visual_size
        query, nodes, _ = network.query_head(
            episode.cls,
            episode.tokens,
            episode.frame_mask,
            episode.text_pooled,
            episode.text_tokens,
            episode.text_mask,
        )
        cls, tokens = self._bank.items.rows(episode.items)
        items, item_nodes = network.item_head(cls, tokens, *self._bank.titles.rows(episode.items))
        scale = self._scale.exp().clamp(max=100.0)
        joint, visual = query @ items.T, query[:, :size] @ items[:, :size].T
        return StepLosses(
            symmetric_info_nce(joint, scale),
            symmetric_info_nce(visual, scale),
            self._rerank_loss(episode, query, nodes, items, item_nodes, joint.detach(), scale),
        )

    def _rerank_loss(
        self,
        episode: Episode,
        query: Tensor,
        nodes: Tensor,
        items: Tensor,
        item_nodes: Tensor,
        scores: Tensor,
        scale: Tensor,
    ) -> Tensor:
        # The second stage learns on top of the first without pulling at it.
        right = torch.arange(len(scores))
        forced = scores.clone()
        forced[right, right] += 10.0
        count = min(self._network.config.shortlist, len(scores))
        listed = forced.topk(count, 1).indices
        place = (listed == right[:, None]).int().argmax(1)
        reranked = self._network.reranker(
            query.detach(),
            nodes,
            episode.frame_mask,
            items.detach()[listed],
            item_nodes[listed],
            scores.gather(1, listed),
            torch.ones(len(scores), count),
        )
        return listwise(reranked, scale.detach(), place)

    def _trained(self) -> list[nn.Parameter]:
        network = self._network
        kept = {
            id(p)
            for module in (network.shared.projection, network.query_head.temporal)
            for p in module.parameters()
        }
        modules = (network.query_head, network.item_head, network.reranker)
        unique = {id(p): p for module in modules for p in module.parameters() if id(p) not in kept}
        return [*unique.values(), self._scale]
