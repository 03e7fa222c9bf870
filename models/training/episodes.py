"""Batches of products: a query of frames and words for each, all products of one batch distinct."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from models.data.sampling import jittered
from models.training.bank import FeatureBank


@dataclass(frozen=True)
class Episode:
    """One batch; query b shows product b.

    Attributes:
        items: rows of the products, [B].
        cls: [B, T, C].
        tokens: [B, T, P, D].
        frame_mask: [B, T].
        text_pooled: [B, E].
        text_tokens: [B, L, E].
        text_mask: [B, L].
    """

    items: Tensor
    cls: Tensor
    tokens: Tensor
    frame_mask: Tensor
    text_pooled: Tensor
    text_tokens: Tensor
    text_mask: Tensor


class EpisodeSampler:
    """Draws episodes; look-alikes come together because they are the hard negatives.

    Args:
        bank: encoded corpus.
        groups: look-alike group of every product.
        frames: T.
        batch: products in an episode.
        allowed: products that may appear; all if None (the rest is held out).
        seed: of the draws.
    """

    def __init__(
        self,
        bank: FeatureBank,
        groups: list[str],
        *,
        frames: int,
        batch: int,
        seed: int,
        allowed: set[int] | None = None,
    ) -> None:
        self._bank = bank
        self._frames = frames
        self._batch = batch
        self._rng = np.random.default_rng([seed, 5])
        self._shots: dict[int, dict[str, list[tuple[int, ...]]]] = defaultdict(
            lambda: defaultdict(list)
        )
        for item, source, rows in bank.shots:
            if allowed is None or item in allowed:
                self._shots[item][source].append(rows)
        by_group: dict[str, list[int]] = defaultdict(list)
        for item in self._shots:
            by_group[groups[item]].append(item)
        self._groups = list(by_group.values())
        self._sentences: dict[int, list[int]] = defaultdict(list)
        for row, item in enumerate(bank.said.tolist()):
            self._sentences[item].append(row)

    def draw(self) -> Episode:
        """The next episode."""
        chosen: list[int] = []
        for index in self._rng.permutation(len(self._groups)):
            chosen += self._groups[index]
            if len(chosen) >= self._batch:
                break
        items = chosen[: self._batch]
        rows, mask = self._frame_rows(items)
        cls, tokens = self._bank.frames.rows(rows.reshape(-1))
        count = len(items)
        pooled, words, words_mask = self._said(items)
        return Episode(
            torch.tensor(items),
            cls.reshape(count, self._frames, -1) * mask[..., None],
            tokens.reshape(count, self._frames, *tokens.shape[1:]) * mask[..., None, None],
            mask,
            pooled,
            words,
            words_mask,
        )

    def _frame_rows(self, items: list[int]) -> tuple[Tensor, Tensor]:
        rows = torch.zeros(len(items), self._frames, dtype=torch.long)
        mask = torch.zeros(len(items), self._frames)
        for i, item in enumerate(items):
            sources = self._shots[item]
            source = list(sources)[self._rng.integers(len(sources))]
            shots = sources[source]
            shot = shots[self._rng.integers(len(shots))]
            picked = jittered(len(shot), self._frames, self._rng)
            rows[i, : len(picked)] = torch.tensor([shot[p] for p in picked])
            mask[i, : len(picked)] = 1.0
        return rows, mask

    def _said(self, items: list[int]) -> tuple[Tensor, Tensor, Tensor]:
        rows = [self._sentences[i][self._rng.integers(len(self._sentences[i]))] for i in items]
        pooled, words, mask = self._bank.sentences.rows(torch.tensor(rows))
        # Half of the queries are silent, so that pictures alone carry their share.
        spoken = torch.from_numpy(self._rng.random(len(items)) < 0.5).float()[:, None]
        return pooled * spoken, words * spoken[..., None], mask * spoken
