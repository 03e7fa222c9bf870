"""All losses on the real heads: finite for silence, empty clips, a batch of one, half precision."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from models.config import TINY
from models.fusion.scorer import SelectiveFusion
from models.graph.interaction import CrossDomainInteraction
from models.graph.reranker import GraphReranker
from models.heads.item import ItemHead
from models.heads.query import QueryHead, SharedParts
from models.losses.contrastive import Temperature, listwise, same_products, symmetric_info_nce
from models.losses.graph import edge_regulariser, graph_triplets
from models.losses.mining import Mining, hardest
from models.losses.pair import pair_cross_entropy
from models.losses.pairs import Pairs
from models.losses.total import Losses, LossWeights, total
from models.losses.triplet import symmetric_triplet
from tests.models.tiny_network import item_inputs, query_inputs

Inputs = dict[str, Tensor]


class _Everything(nn.Module):
    def __init__(self, *, faithful: bool) -> None:
        super().__init__()
        torch.manual_seed(0)
        shared = SharedParts(TINY, single_key=faithful)
        self.query = QueryHead(TINY, shared, joint_layers=2, text_guided_pool=not faithful)
        self.item = ItemHead(TINY, shared)
        self.graph = CrossDomainInteraction(TINY, faithful=faithful)
        self.reranker = GraphReranker(TINY)
        self.fusion = SelectiveFusion(TINY, single_key=faithful)
        self.temperature = Temperature()
        self.faithful = faithful

    def losses(self, clip: Inputs, shop: Inputs, products: Tensor) -> Losses:
        query, nodes, patches, _ = self.query(**clip)
        items, item_nodes = self.item(**shop)
        size, mask = TINY.visual_size, clip["frame_mask"]
        v, i, scores, scale = query[:, :size], items[:, :size], query @ items.T, self.temperature()
        right, place = same_products(products, products), torch.arange(len(products))
        spoken = (clip["text_mask"].amax(1) > 0)[:, None].expand_as(scores)
        pairs = Pairs(query, items, products, products // 2)
        mined = hardest(pairs, pairs, size, Mining(negatives=TINY.shortlist - 1)).behind(place)
        listed = mined.columns
        enhanced = self.graph(v, i, nodes, mask, item_nodes)
        generator = torch.Generator().manual_seed(0)
        stored = self.fusion.item(
            shop["tokens"], item_nodes[:, 0], shop["title_tokens"], shop["title_mask"]
        )
        ready = self.fusion.query(
            clip["tokens"], nodes, mask, clip["text_tokens"], clip["text_mask"]
        )
        logits = self.fusion.matrix(stored, *ready).gather(1, listed)
        first = scores.gather(1, listed)
        shelf = (items[listed], item_nodes[listed], first, mined.found.to(first))
        reranked = self.reranker(query, nodes, patches, mask, *shelf)
        heard = query[:, size + 1 :] @ items[:, size + 1 :].T
        return Losses(
            joint=symmetric_info_nce(scores, scale, right),
            visual=symmetric_info_nce(v @ i.T, scale, right),
            text=symmetric_info_nce(heard, scale, right, spoken),
            triplet=symmetric_triplet(v, i, right, generator),
            graph=graph_triplets(v, i, enhanced, right, generator),
            regulariser=edge_regulariser(v, i, enhanced),
            pair=pair_cross_entropy(logits, mined.found, diagonal=self.faithful),
            rerank=listwise(reranked, scale, torch.zeros_like(place)),
        )


def _batch(size: int) -> tuple[Inputs, Inputs, Tensor]:
    """The first clip is silent, the second empty, the third one frame; products come twice."""
    clip, shop = query_inputs(TINY, batch=size, frames=4), item_inputs(TINY, count=size)
    clip["text_mask"][0] = clip["text_pooled"][0] = 0.0
    clip["frame_mask"][1:2] = 0.0
    clip["frame_mask"][2:3, 1:] = 0.0
    return clip, shop, torch.arange(size) // 2


@pytest.mark.parametrize("faithful", [False, True])
@pytest.mark.parametrize("half", [False, True])
@pytest.mark.parametrize("size", [1, 2, 7])
def test_every_loss_and_gradient_is_finite(size: int, half: bool, faithful: bool) -> None:
    everything = _Everything(faithful=faithful)
    with torch.autocast("cpu", torch.float16, enabled=half):
        losses = everything.losses(*_batch(size))
        whole, report = total(losses, LossWeights())
    assert len(report) == 9
    assert all(torch.isfinite(part) for part in report.values()), report
    whole.backward()
    for name, parameter in everything.named_parameters():
        assert parameter.grad is not None, name
        assert torch.isfinite(parameter.grad).all(), name
    if size == 7:
        assert all(part > 0 for part in report.values()), report


def test_a_few_steps_bring_every_part_down() -> None:
    """The regulariser apart: its target moves with the vectors."""
    everything, batch = _Everything(faithful=False), _batch(7)
    optimiser = torch.optim.Adam(everything.parameters(), 3e-3)
    first: dict[str, Tensor] = {}
    for _ in range(15):
        whole, report = total(everything.losses(*batch), LossWeights())
        first = first or report
        optimiser.zero_grad()
        whole.backward()
        optimiser.step()
    assert [n for n, part in report.items() if part >= first[n] and n != "regulariser"] == []
