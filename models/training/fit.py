"""Training the heads: whiten, then episodes."""

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
from models.training.config import FitConfig
from models.training.episodes import Episode, EpisodeSampler
from models.training.losses import listwise, symmetric_info_nce
from models.training.whitening import whiten

Progress = Callable[..., Iterable[Any]]


@dataclass(frozen=True)
class StepLosses:
    """The parts of one episode's loss."""

    joint: Tensor
    visual: Tensor
    rerank: Tensor
    anchor: Tensor

    def total(self, config: FitConfig) -> Tensor:
        """Weighted sum."""
        return (
            self.joint
            + config.visual_weight * self.visual
            + config.rerank_weight * self.rerank
            + config.anchor * self.anchor
        )


class Fitter:
    """Trains a network's heads on a feature bank.

    Args:
        network: encoders filled and frozen; heads are changed in place.
        bank: encoded corpus.
        groups: look-alike group of every product.
        config: how.
        seed: of everything random.
        allowed: products to train on; all if None.
    """

    def __init__(
        self,
        network: Sgmn,
        bank: FeatureBank,
        groups: list[str],
        config: FitConfig,
        seed: int,
        allowed: set[int] | None = None,
    ) -> None:
        self._network = network
        self._bank = bank
        self._config = config
        self._allowed = set(range(len(groups))) if allowed is None else allowed
        self._sampler = EpisodeSampler(
            bank,
            groups,
            frames=network.config.frames,
            batch=config.batch,
            seed=seed,
            allowed=self._allowed,
        )
        self._scale = nn.Parameter(torch.tensor(20.0).log())
        self._start = torch.zeros(0)

    def fit(self, log: Path, progress: Progress) -> None:
        """Train from whitening to the last step; losses go to a CSV file."""
        whiten(self._network.shared.projection, self._bank, self._allowed)
        self._start = self._network.shared.projection.linear.weight.detach().clone()
        optimiser, schedule = self._optimiser()
        with log.open("w", encoding="utf-8", newline="") as file:
            rows = csv.writer(file)
            rows.writerow(["step", "joint", "visual", "rerank", "anchor", "scale"])
            steps = range(self._config.steps)
            for step in progress(steps, label="Training", total=self._config.steps):
                losses = self._losses(self._sampler.draw())
                optimiser.zero_grad()
                losses.total(self._config).backward()
                nn.utils.clip_grad_norm_(self._trained(), 1.0)
                optimiser.step()
                schedule.step()
                parts = (losses.joint, losses.visual, losses.rerank, losses.anchor)
                scale = self._scale.exp()
                rows.writerow([step, *(f"{part.item():.5f}" for part in (*parts, scale))])

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
        rerank = self._rerank_loss(episode, query, nodes, items, item_nodes, joint, scale)
        moved = network.shared.projection.linear.weight - self._start
        anchor = (moved * moved).sum() / (self._start * self._start).sum()
        return StepLosses(
            symmetric_info_nce(joint, scale), symmetric_info_nce(visual, scale), rerank, anchor
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
        wanted = torch.arange(len(scores))
        forced = scores.detach().clone()
        forced[wanted, wanted] += 10.0
        count = min(self._network.config.shortlist, len(scores))
        listed = forced.topk(count, 1).indices
        place = (listed == wanted[:, None]).int().argmax(1)
        reranked = self._network.reranker(
            query.detach(),
            nodes,
            episode.frame_mask,
            items.detach()[listed],
            item_nodes[listed],
            scores.detach().gather(1, listed),
            torch.ones(len(scores), count),
        )
        return listwise(reranked, scale.detach(), place)

    def _trained(self) -> list[nn.Parameter]:
        modules = (self._network.query_head, self._network.item_head, self._network.reranker)
        unique = {id(p): p for module in modules for p in module.parameters()}
        return [*unique.values(), self._scale]

    def _optimiser(
        self,
    ) -> tuple[torch.optim.Optimizer, torch.optim.lr_scheduler.LRScheduler]:
        shared = self._network.shared
        careful = [shared.projection.linear.weight, shared.words.weight]
        known = {id(p) for p in careful}
        rest = [p for p in self._trained() if id(p) not in known]
        optimiser = torch.optim.AdamW(
            [
                {"params": careful, "lr": self._config.projection_rate},
                {"params": rest, "lr": self._config.rate},
            ],
            weight_decay=0.01,
        )
        schedule = torch.optim.lr_scheduler.OneCycleLR(
            optimiser,
            max_lr=[self._config.projection_rate, self._config.rate],
            total_steps=self._config.steps,
            pct_start=0.1,
            cycle_momentum=False,
        )
        return optimiser, schedule
