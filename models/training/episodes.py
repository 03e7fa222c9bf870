"""Batches of products: a query of frames and words for each, all products of one batch distinct."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from models.data.sampling import jittered
from models.sgmn import Sgmn
from models.training.bank import FeatureBank
from models.training.config import EpisodeConfig
from models.training.distributed import World

Shots = Sequence[tuple[int, str, tuple[int, ...]]]


@dataclass(frozen=True)
class Draw:
    """What one batch shows, as row numbers; query b shows product b.

    Attributes:
        items: products, int64 [B].
        frames: rows of the frames, int64 [B, T]; row 0 where the mask is 0.
        frame_mask: [B, T].
        sentences: rows of the sentences, int64 [B]; -1 where nothing was ever said.
        spoken: 1 where the sentence is heard, [B].
        told: 1 where what is heard tells of the product, [B].
        held_out: products that count as never photographed, bool [B].
        groups: look-alike groups, int64 [B].
    """

    items: Tensor
    frames: Tensor
    frame_mask: Tensor
    sentences: Tensor
    spoken: Tensor
    told: Tensor
    held_out: Tensor
    groups: Tensor

    def part(self, rows: slice) -> Draw:
        """Some of the queries."""
        return Draw(**{name: value[rows] for name, value in vars(self).items()})


@dataclass(frozen=True)
class Episode:
    """Features of one process's part of a batch.

    Attributes:
        whole: what the whole batch shows.
        query: inputs of the query head: cls [N, T, C], tokens [N, T, P, D], frame mask [N, T],
            words pooled [N, E], their tokens [N, L, E] and mask [N, L].
        item: inputs of the item head: cls [N, C], tokens [N, P, D], title pooled [N, E],
            its tokens [N, L, E] and mask [N, L].
    """

    whole: Draw
    query: tuple[Tensor, ...]
    item: tuple[Tensor, ...]

    def encoded(self, network: Sgmn) -> Episode:
        """On the network's device."""
        device = network.shared.projection.linear.weight.device
        return Episode(
            self.whole,
            tuple(x.to(device) for x in self.query),
            tuple(x.to(device) for x in self.item),
        )


class EpisodeSampler:
    """Draws episodes; look-alikes come together because they are the hard negatives.

    Args:
        shots: of `FeatureBank`.
        said: product of every sentence.
        groups: look-alike group of every product.
        frames: T.
        batch: products in an episode.
        seed: of the draws.
        config: shares of silent queries and of products held out.
        allowed: products that may appear; all if None (the rest is held out).
    """

    def __init__(
        self,
        shots: Shots,
        said: Iterable[int],
        groups: Sequence[str],
        *,
        frames: int,
        batch: int,
        seed: int,
        config: EpisodeConfig,
        allowed: set[int] | None = None,
    ) -> None:
        self._frames = frames
        self._batch = batch
        self._seed = seed
        self._config = config
        self._shots: dict[int, dict[str, list[tuple[int, ...]]]] = defaultdict(
            lambda: defaultdict(list)
        )
        for item, source, rows in shots:
            if allowed is None or item in allowed:
                self._shots[item][source].append(rows)
        by_group: dict[str, list[int]] = defaultdict(list)
        for item in self._shots:
            by_group[groups[item]].append(item)
        self._groups = list(by_group.values())
        self._group_of = {i: number for number, some in enumerate(self._groups) for i in some}
        self._sentences: dict[int, list[int]] = defaultdict(list)
        for row, item in enumerate(said):
            self._sentences[item].append(row)

    def draw(self, step: int) -> Draw:
        """The episode of a step, always the same one."""
        rng = np.random.default_rng([self._seed, 5, step])
        items = self._items(rng)
        frames, mask = self._frame_rows(items, rng)
        said = torch.tensor([self._sentence(i, rng) for i in items], dtype=torch.long)
        loud = torch.from_numpy(rng.random(len(items)) >= self._config.silent)
        spoken = (loud & (said >= 0)).float()
        held_out = rng.random(len(items)) < self._config.held_out
        return Draw(
            torch.tensor(items),
            frames,
            mask,
            said,
            spoken,
            spoken,
            torch.from_numpy(held_out),
            torch.tensor([self._group_of[i] for i in items]),
        )

    def _items(self, rng: np.random.Generator) -> list[int]:
        chosen: list[int] = []
        for index in rng.permutation(len(self._groups)):
            group = self._groups[index]
            if len(group) > self._batch:
                # A whole department is no group of look-alikes: half a batch, others every time.
                group = rng.choice(group, max(1, self._batch // 2), replace=False).tolist()
            chosen += group
            if len(chosen) >= self._batch:
                break
        return chosen[: self._batch]

    def _sentence(self, item: int, rng: np.random.Generator) -> int:
        rows = self._sentences.get(item)
        return rows[rng.integers(len(rows))] if rows else -1

    def _frame_rows(self, items: list[int], rng: np.random.Generator) -> tuple[Tensor, Tensor]:
        rows = torch.zeros(len(items), self._frames, dtype=torch.long)
        mask = torch.zeros(len(items), self._frames)
        for i, item in enumerate(items):
            sources = self._shots[item]
            source = list(sources)[rng.integers(len(sources))]
            shots = sources[source]
            shot = shots[rng.integers(len(shots))]
            picked = jittered(
                len(shot), self._frames, rng, fewer=self._config.fewer, cut=self._config.cut
            )
            rows[i, : len(picked)] = torch.tensor([shot[p] for p in picked])
            mask[i, : len(picked)] = 1.0
        return rows, mask


class BankBatches:
    """Episodes of encoded features.

    Args:
        bank: encoded corpora.
        sampler: draws what is shown.
        world: whose part to read.
    """

    def __init__(self, bank: FeatureBank, sampler: EpisodeSampler, world: World) -> None:
        self._bank = bank
        self._sampler = sampler
        self._world = world

    def draw(self, step: int) -> Episode:
        """This process's part of the episode of a step."""
        whole = self._sampler.draw(step)
        own = whole.part(self._world.part(len(whole.items)))
        bank, mask, spoken = self._bank, own.frame_mask, own.spoken[:, None]
        cls, tokens = bank.frames.rows(own.frames.reshape(-1))
        pooled, words, words_mask = bank.sentences.rows(own.sentences)
        query = (
            cls.reshape(*mask.shape, -1) * mask[..., None],
            tokens.reshape(*mask.shape, *tokens.shape[1:]) * mask[..., None, None],
            mask,
            pooled * spoken,
            words * spoken[..., None],
            words_mask * spoken,
        )
        item = (*bank.items.rows(own.items), *bank.titles.rows(own.items))
        return Episode(whole, query, item)
