"""The second stage."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from models.config import TINY
from models.graph.relation import FACTS, RelationReranker
from models.heads.norms import unit
from tests.models.tiny_network import fresh_network, stirred_network

K = TINY.shortlist
CANDIDATE_INPUTS = ("items", "item_nodes", "scores", "candidate_mask")


def _inputs(candidates: int = K, frames: int = 3, batch: int = 1) -> dict[str, Tensor]:
    torch.manual_seed(3)
    query = torch.randn(batch, TINY.vector_size)
    items = torch.randn(batch, K, TINY.vector_size) * 0.1
    frame_mask, mask = torch.zeros(batch, TINY.frames), torch.zeros(batch, K)
    frame_mask[:, :frames], mask[:, :candidates] = 1.0, 1.0
    nodes = unit(torch.randn(batch, TINY.frames, TINY.node_size)) * frame_mask[..., None]
    places = unit(torch.randn(batch, TINY.frames, TINY.patch_nodes, TINY.node_size))
    return {
        "query": query,
        "query_nodes": nodes,
        "query_patches": places * frame_mask[..., None, None],
        "frame_mask": frame_mask,
        "items": items,
        "item_nodes": unit(torch.randn(batch, K, TINY.item_nodes, TINY.node_size)),
        "scores": (items @ query[..., None])[..., 0],
        "candidate_mask": mask,
    }


@torch.inference_mode()
@pytest.mark.parametrize("candidates", [K, K - 3, 2])
def test_the_order_of_the_candidates_does_not_matter(candidates: int) -> None:
    reranker, inputs = stirred_network().reranker, _inputs(candidates)
    order = torch.randperm(K)
    turned = {k: v[:, order] if k in CANDIDATE_INPUTS else v for k, v in inputs.items()}
    assert torch.allclose(reranker(**inputs)[:, order], reranker(**turned), atol=1e-5)


@torch.inference_mode()
@pytest.mark.parametrize("candidates", [K - 1, 2, 1])
def test_padding_candidates_change_nothing(candidates: int) -> None:
    reranker, inputs = stirred_network().reranker, _inputs(candidates)
    other = {k: v.clone() for k, v in inputs.items()}
    for name in ("items", "item_nodes", "scores"):
        other[name][:, candidates:] = torch.randn_like(other[name][:, candidates:]) * 9
    found, changed = reranker(**inputs), reranker(**other)
    assert torch.equal(found, changed)
    assert (found[:, candidates:] < -1e3).all()
    assert torch.isfinite(found).all()


@torch.inference_mode()
def test_a_query_does_not_depend_on_its_neighbours() -> None:
    reranker, inputs = stirred_network().reranker, _inputs(batch=3)
    inputs["candidate_mask"][1, 4:] = 0.0
    inputs["frame_mask"][2, 1:] = 0.0
    together = reranker(**inputs)
    for i in range(3):
        alone = reranker(**{k: v[i : i + 1] for k, v in inputs.items()})
        assert torch.allclose(together[i], alone[0], atol=1e-5)


@torch.inference_mode()
def test_no_frame_at_all_is_finite() -> None:
    inputs = _inputs(frames=0)
    assert torch.isfinite(stirred_network().reranker(**inputs)).all()


@torch.inference_mode()
def test_it_starts_as_the_first_stage() -> None:
    inputs = _inputs()
    assert torch.equal(fresh_network().reranker(**inputs), inputs["scores"])


def test_the_gradient_reaches_its_layers_and_both_sides_nodes() -> None:
    reranker, inputs = stirred_network().reranker, _inputs()
    for name in ("query_nodes", "query_patches", "item_nodes"):
        inputs[name].requires_grad_()
    reranker(**inputs)[0, 1].backward()
    nodes = [inputs[name] for name in ("query_nodes", "query_patches", "item_nodes")]
    for tensor in (*reranker.parameters(), *nodes):
        assert tensor.grad is not None
        assert tensor.grad.abs().max() > 0


def test_a_fresh_one_can_learn() -> None:
    reranker, inputs = fresh_network().reranker, _inputs()
    torch.nn.functional.cross_entropy(reranker(**inputs), torch.tensor([1])).backward()
    assert reranker.evidence[2].weight.grad.abs().max() > 0


OPEN = 10.0
"""Keeps the ReLU open."""


def _shows_lead_of_score() -> RelationReranker:
    """Adds to each score its lead over the best rival's, and `OPEN`."""
    reranker = RelationReranker(TINY, hidden=1)
    first, _, last = reranker.evidence
    lead = TINY.frames + FACTS
    with torch.no_grad():
        first.weight.zero_()[0, lead] = 1.0
        first.bias.fill_(OPEN)
        last.weight.fill_(1.0)
    return reranker


@torch.inference_mode()
@pytest.mark.parametrize(
    ("scores", "leads"),
    [
        ([0.9, 0.7, 0.5], [0.2, -0.2, -0.4]),
        ([0.9, 0.9, 0.5], [0.0, 0.0, -0.4]),
        ([0.6, 0.6, 0.6], [0.0, 0.0, 0.0]),
    ],
)
def test_the_best_rival_is_another_even_among_ties(scores: list[float], leads: list[float]) -> None:
    inputs = _inputs(candidates=3)
    inputs["scores"] = torch.zeros(1, K)
    inputs["scores"][0, :3] = torch.tensor(scores)
    added = _shows_lead_of_score()(**inputs)[0, :3] - torch.tensor(scores)
    assert torch.allclose(added - OPEN, torch.tensor(leads), atol=1e-5)


@torch.inference_mode()
def test_equal_candidates_get_equal_scores() -> None:
    reranker, inputs = stirred_network().reranker, _inputs()
    for name in ("items", "item_nodes", "scores"):
        inputs[name][:, 5] = inputs[name][:, 0]
    found = reranker(**inputs)[0]
    assert found[5] == pytest.approx(float(found[0]), abs=1e-6)
