"""SGMN's losses over one batch of products, each switched by its weight."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

import torch
from torch import Tensor, nn

from models.sgmn import Sgmn
from models.training.config import LossConfig, TrainConfig
from models.training.distributed import World
from models.training.episodes import Episode
from models.training.losses import listwise, symmetric_info_nce
from models.training.optimiser import Group
from runtime.errors import UsageError

HOTTEST = 100.0
"""Largest inverse temperature (spec B8)."""


class Encodable(Protocol):
    """A batch whose features are there or can be computed."""

    def encoded(self, network: Sgmn) -> Episode:
        """Its features on the network's device."""


class SgmnObjective:
    """Trains the heads, and the encoders where the settings say so.

    Args:
        network: its weights are changed in place.
        config: of the run.
        world: every process encodes its part of a batch and computes the loss of the whole.
    """

    def __init__(self, network: Sgmn, config: TrainConfig, world: World) -> None:
        self._network = network
        self._weights: LossConfig = config.losses
        self._encoders = config.encoders
        self._frozen = config.frozen
        self._world = world
        device = network.shared.projection.linear.weight.device
        self._scale = nn.Parameter(torch.tensor(20.0, device=device).log())

    def groups(self) -> Sequence[Group]:
        """Heads and temperature; encoders at a rate of their own.

        Raises:
            UsageError: a frozen part does not exist.
        """
        heads: dict[str, nn.Parameter] = {}
        encoders: dict[str, nn.Parameter] = {}
        unknown = set(self._frozen)
        for name, parameter in self._network.named_parameters():
            frozen = {prefix for prefix in self._frozen if name.startswith(prefix)}
            unknown -= frozen
            encodes = name.startswith(("frame_encoder.", "text_encoder."))
            trained = not frozen and (self._encoders.train or not encodes)
            parameter.requires_grad_(trained)
            if trained:
                (encoders if encodes else heads)[name] = parameter
        if unknown:
            raise UsageError(
                f"cannot freeze {sorted(unknown)}",
                why="no weights of the network begin with that name",
                fix="correct `frozen`",
            )
        groups = [Group({**heads, "scale": self._scale})]
        return [*groups, Group(encoders, self._encoders.rate)] if encoders else groups

    def loss(self, batch: Encodable) -> Mapping[str, Tensor]:
        """The parts that have a weight, their sum and the inverse temperature."""
        episode = batch.encoded(self._network)
        query, nodes, _ = self._network.query_head(*episode.query)
        items, item_nodes = self._network.item_head(*episode.item)
        count = len(episode.whole.items)
        gathered = [
            self._world.gather(x.float(), count)
            for x in (query, nodes, episode.query[2], items, item_nodes)
        ]
        # Losses in single precision, whatever the network computed in.
        with torch.autocast(query.device.type, enabled=False):
            return self._losses(episode, *gathered)

    def _losses(
        self,
        episode: Episode,
        query: Tensor,
        nodes: Tensor,
        frame_mask: Tensor,
        items: Tensor,
        item_nodes: Tensor,
    ) -> dict[str, Tensor]:
        whole, size, weights = episode.whole, self._network.config.visual_size, self._weights
        held_out = whole.held_out.to(query.device)[:, None]
        query = torch.where(held_out, query.detach(), query)
        nodes = torch.where(held_out[..., None], nodes.detach(), nodes)
        scale = self._scale.exp().clamp(max=HOTTEST)
        joint = query @ items.T
        parts: dict[str, Tensor] = {}
        if weights.joint:
            parts["joint"] = symmetric_info_nce(joint, scale)
        if weights.visual:
            parts["visual"] = symmetric_info_nce(query[:, :size] @ items[:, :size].T, scale)
        if weights.text:
            said = whole.spoken.to(query.device).nonzero()[:, 0]
            words = query[said, size:] @ items[said, size:].T
            parts["text"] = symmetric_info_nce(words, scale) if len(said) else words.sum()
        if weights.rerank:
            parts["rerank"] = self._rerank(query, nodes, frame_mask, items, item_nodes, scale)
        total = torch.stack([getattr(weights, name) * part for name, part in parts.items()]).sum()
        return {**parts, "total": total, "scale": scale}

    def _rerank(
        self,
        query: Tensor,
        nodes: Tensor,
        frame_mask: Tensor,
        items: Tensor,
        item_nodes: Tensor,
        scale: Tensor,
    ) -> Tensor:
        # The second stage learns on top of the first without pulling at it.
        query, items = query.detach(), items.detach()
        scores = query @ items.T
        right = torch.arange(len(scores), device=scores.device)
        forced = scores.clone()
        forced[right, right] += 10.0
        count = min(self._network.config.shortlist, len(scores))
        listed = forced.topk(count, 1).indices
        place = (listed == right[:, None]).int().argmax(1)
        reranked = self._network.reranker(
            query,
            nodes,
            frame_mask,
            items[listed],
            item_nodes[listed],
            scores.gather(1, listed),
            torch.ones_like(listed, dtype=scores.dtype),
        )
        return listwise(reranked, scale.detach(), place)
