"""SGMN's losses over one batch of products, each switched by its weight."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor, nn

from models.fusion.scorer import SelectiveFusion
from models.graph.interaction import CrossDomainInteraction
from models.heads.norms import unit
from models.losses.contrastive import Temperature, listwise, same_products, symmetric_info_nce
from models.losses.graph import edge_regulariser, graph_triplets
from models.losses.mining import Mining, hardest
from models.losses.pair import pair_cross_entropy
from models.losses.pairs import Pairs
from models.losses.total import Losses, total
from models.losses.triplet import symmetric_triplet
from models.sgmn import Sgmn
from models.training.config import TrainConfig
from models.training.distributed import World
from models.training.episodes import Draw, Episode
from models.training.optimiser import Group
from runtime.errors import UsageError

FORCED = 10.0
"""Puts the right item into its query's list; above any difference of first-stage scores."""


class Encodable(Protocol):
    """A batch whose features are there or can be computed."""

    def encoded(self, network: Sgmn) -> Episode:
        """Its features on the network's device."""


@dataclass(frozen=True)
class Vectors:
    """A batch after the heads, the rows of all processes.

    Attributes:
        query: first-stage vectors, [B, V].
        nodes: of the frames, [B, T, G].
        patches: places of the frames, [B, T, R, G].
        frame_mask: [B, T].
        items: first-stage vectors, [B, V].
        item_nodes: [B, M, G].
        pair: what the pair scorer needs: stored vectors, keys, values, key bias; or nothing.
    """

    query: Tensor
    nodes: Tensor
    patches: Tensor
    frame_mask: Tensor
    items: Tensor
    item_nodes: Tensor
    pair: tuple[Tensor, ...] = ()


class SgmnObjective:
    """Trains the heads, and the encoders where the settings say so.

    Graph and pair scorer exist in training only: they shape the vectors and are not exported.

    Args:
        network: its weights are changed in place.
        config: of the run.
        world: every process encodes its part of a batch and computes the loss of the whole.
    """

    def __init__(self, network: Sgmn, config: TrainConfig, world: World) -> None:
        self._network = network
        self._config = config
        self._weights = config.losses.weights()
        self._world = world
        self._temperature = Temperature()
        faithful = config.losses.faithful
        self._graph = CrossDomainInteraction(network.config, faithful=faithful)
        self._fusion = SelectiveFusion(network.config, single_key=faithful)
        self._helpers = nn.ModuleDict({"temperature": self._temperature})
        if self._weights.graph or self._weights.regulariser:
            self._helpers["graph"] = self._graph
        if self._weights.pair:
            self._helpers["fusion"] = self._fusion
        self._helpers.to(network.shared.projection.linear.weight.device)

    def groups(self) -> Sequence[Group]:
        """Heads and helpers; encoders at a rate of their own.

        Raises:
            UsageError: a frozen part does not exist.
        """
        heads = dict(self._helpers.named_parameters())
        encoders: dict[str, nn.Parameter] = {}
        unknown = set(self._config.frozen)
        for name, parameter in self._network.named_parameters():
            frozen = {prefix for prefix in self._config.frozen if name.startswith(prefix)}
            unknown -= frozen
            encodes = name.startswith(("frame_encoder.", "text_encoder."))
            trained = not frozen and (self._config.encoders.train or not encodes)
            parameter.requires_grad_(trained)
            if trained:
                (encoders if encodes else heads)[name] = parameter
        if unknown:
            raise UsageError(
                f"cannot freeze {sorted(unknown)}",
                why="no weights of the network begin with that name",
                fix="correct `frozen`",
            )
        slow = [Group(encoders, self._config.encoders.rate)] if encoders else []
        return [Group(heads), *slow]

    def loss(self, batch: Encodable) -> Mapping[str, Tensor]:
        """The parts that have a weight, ``total`` and the inverse temperature ``scale``."""
        episode = batch.encoded(self._network)
        vectors = self._vectors(episode)
        # Losses in single precision, whatever the network computed in.
        with torch.autocast(vectors.query.device.type, enabled=False):
            scale = self._temperature()
            parts = self._parts(vectors, episode.whole, scale)
            whole, report = total(Losses(**parts), self._weights)
        return {**report, "total": whole, "scale": scale}

    def _vectors(self, episode: Episode) -> Vectors:
        query, nodes, places, _ = self._network.query_head(*episode.query)
        items, item_nodes = self._network.item_head(*episode.item)
        pair: tuple[Tensor, ...] = ()
        if self._weights.pair:
            _, patches, mask, _, words, words_mask = episode.query
            _, item_patches, _, title, title_mask = episode.item
            stored = self._fusion.item(item_patches, item_nodes[:, 0], title, title_mask)
            pair = (stored, *self._fusion.query(patches, nodes, mask, words, words_mask))
        count = len(episode.whole.items)
        query, nodes, places, mask, items, item_nodes, *pairs = (
            self._world.gather(x.float(), count)
            for x in (query, nodes, places, episode.query[2], items, item_nodes, *pair)
        )
        held_out = episode.whole.held_out.to(query.device)[:, None]
        query = torch.where(held_out, query.detach(), query)
        nodes = torch.where(held_out[..., None], nodes.detach(), nodes)
        return Vectors(query, nodes, places, mask, items, item_nodes, tuple(pairs))

    def _parts(self, vectors: Vectors, whole: Draw, scale: Tensor) -> dict[str, Tensor]:
        weights, size = self._weights, self._network.config.visual_size
        products = whole.items.to(scale.device)
        right = same_products(products, products)
        query, items = vectors.query, vectors.items
        clips, shop = query[:, :size], items[:, :size]
        parts: dict[str, Tensor] = {}
        if weights.joint:
            parts["joint"] = symmetric_info_nce(query @ items.T, scale, right)
        if weights.visual:
            parts["visual"] = symmetric_info_nce(clips @ shop.T, scale, right)
        if weights.text:
            said = unit(query[:, size + 1 :]) @ items[:, size + 1 :].T
            told = whole.told.to(scale.device)[:, None].expand_as(said) > 0
            parts["text"] = symmetric_info_nce(said, scale, right, told)
        if weights.triplet:
            parts["triplet"] = symmetric_triplet(clips, shop, right, torch.default_generator)
        if weights.graph or weights.regulariser:
            parts |= self._graph_parts(vectors, clips, shop, right)
        if weights.pair:
            parts["pair"] = self._pair(vectors, whole)
        if weights.rerank:
            parts["rerank"] = self._rerank(vectors, right, scale)
        return parts

    def _graph_parts(
        self, vectors: Vectors, clips: Tensor, shop: Tensor, right: Tensor
    ) -> dict[str, Tensor]:
        enhanced = self._graph(clips, shop, vectors.nodes, vectors.frame_mask, vectors.item_nodes)
        parts: dict[str, Tensor] = {}
        if self._weights.graph:
            generator = torch.default_generator
            parts["graph"] = graph_triplets(clips, shop, enhanced, right, generator)
        if self._weights.regulariser:
            parts["regulariser"] = edge_regulariser(clips, shop, enhanced)
        return parts

    def _pair(self, vectors: Vectors, whole: Draw) -> Tensor:
        stored, keys, values, key_bias = vectors.pair
        device = stored.device
        pairs = Pairs(vectors.query, vectors.items, whole.items.to(device), whole.groups.to(device))
        mining = Mining(negatives=self._config.losses.hard_negatives)
        mined = hardest(pairs, pairs, self._network.config.visual_size, mining)
        mined = mined.behind(torch.arange(len(stored), device=device))
        logits = self._fusion.pair(stored[mined.columns], keys, values, key_bias)
        return pair_cross_entropy(logits, mined.found, diagonal=self._config.losses.faithful)

    def _rerank(self, vectors: Vectors, right: Tensor, scale: Tensor) -> Tensor:
        # The second stage learns on top of the first without pulling at it.
        query, items = vectors.query.detach(), vectors.items.detach()
        scores = query @ items.T
        own = torch.eye(len(scores), device=scores.device)
        count = min(self._network.config.shortlist, len(scores))
        listed = (scores + FORCED * own).topk(count, 1).indices
        reranked = self._network.reranker(
            query,
            vectors.nodes,
            vectors.patches,
            vectors.frame_mask,
            items[listed],
            vectors.item_nodes[listed],
            scores.gather(1, listed),
            torch.ones_like(listed, dtype=scores.dtype),
        )
        place = own.gather(1, listed).argmax(1)
        return listwise(reranked, scale.detach(), place, right.gather(1, listed))
