"""The list-wise re-ranker over frames, clip and candidates."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import Tensor

from export.onnx_files import write_onnx
from export.parity import measure, require
from export.submodules import Part, parts
from models.config import TINY
from models.graph.reranker import GraphReranker
from models.heads.norms import MASKED, unit
from tests.models.graph.test_relation import CANDIDATE_INPUTS, _inputs
from tests.models.tiny_network import fresh_network, stirred

K, T = TINY.shortlist, TINY.frames


def _fresh() -> GraphReranker:
    torch.manual_seed(0)
    return GraphReranker(TINY).eval()


@pytest.fixture
def reranker() -> GraphReranker:
    return stirred(_fresh())


def _only_graph(reranker: GraphReranker) -> GraphReranker:
    """Without the evidence of the edges and places, so that only <v', i'> can change a score."""
    for parameter in (*reranker.relation.evidence[2].parameters(), reranker.patch_weight):
        torch.nn.init.zeros_(parameter)
    return reranker


@torch.inference_mode()
def test_it_starts_as_the_first_stage_exactly() -> None:
    inputs = _inputs()
    assert torch.equal(_fresh()(**inputs), inputs["scores"])


def test_a_fresh_one_can_learn_from_graph_and_edges() -> None:
    fresh = _fresh()
    torch.nn.functional.cross_entropy(fresh(**_inputs()), torch.tensor([1])).backward()
    assert fresh.beta.grad is not None
    assert fresh.beta.grad.abs() > 0
    assert fresh.relation.evidence[2].weight.grad.abs().max() > 0  # type: ignore[union-attr]


@torch.inference_mode()
@pytest.mark.parametrize("candidates", [K, K - 3, 2, 1])
def test_the_order_of_the_candidates_does_not_matter(
    reranker: GraphReranker, candidates: int
) -> None:
    inputs = _inputs(candidates)
    order = torch.randperm(K)
    turned = {k: v[:, order] if k in CANDIDATE_INPUTS else v for k, v in inputs.items()}
    assert torch.allclose(reranker(**inputs)[:, order], reranker(**turned), atol=1e-5)


@torch.inference_mode()
def test_the_order_of_the_frames_does_not_matter(reranker: GraphReranker) -> None:
    inputs, order = _inputs(frames=T), torch.tensor([2, 0, 3, 1])
    turned = {**inputs, **{k: inputs[k][:, order] for k in ("query_nodes", "query_patches")}}
    assert torch.allclose(reranker(**inputs), reranker(**turned), atol=1e-5)


@torch.inference_mode()
@pytest.mark.parametrize("candidates", [K - 1, 2, 1])
def test_padding_candidates_change_nothing(reranker: GraphReranker, candidates: int) -> None:
    inputs = _inputs(candidates)
    other = {k: v.clone() for k, v in inputs.items()}
    for name in ("items", "item_nodes", "scores"):
        other[name][:, candidates:] = torch.randn_like(other[name][:, candidates:]) * 9
    found, changed = reranker(**inputs), reranker(**other)
    assert torch.equal(found, changed)
    assert (found[:, candidates:] == MASKED).all()
    fewer = {k: v[:, :candidates] if k in CANDIDATE_INPUTS else v for k, v in inputs.items()}
    assert torch.allclose(reranker(**fewer), found[:, :candidates], atol=1e-5)


@torch.inference_mode()
def test_a_real_candidate_does_change_its_rivals_through_the_graph(
    reranker: GraphReranker,
) -> None:
    """Otherwise the tests above would pass with no graph at all."""
    inputs, graph = _inputs(), _only_graph(reranker)
    before = graph(**inputs)
    inputs["item_nodes"][:, 3] = unit(torch.randn(1, TINY.item_nodes, TINY.node_size))
    change = (graph(**inputs) - before).abs()[0]
    assert change[:3].min() > 1e-6


@torch.inference_mode()
def test_padded_frames_change_nothing(reranker: GraphReranker) -> None:
    inputs = _inputs(frames=2)
    other = {k: v.clone() for k, v in inputs.items()}
    other["query_nodes"][:, 2:] = torch.randn(1, T - 2, TINY.node_size) * 9
    other["query_patches"][:, 2:] = torch.randn(1, T - 2, TINY.patch_nodes, TINY.node_size) * 9
    assert torch.equal(reranker(**inputs), reranker(**other))
    other["query_nodes"][:, 1] = unit(torch.randn(1, TINY.node_size))
    assert not torch.equal(reranker(**inputs), reranker(**other))


@torch.inference_mode()
def test_a_query_does_not_depend_on_its_neighbours(reranker: GraphReranker) -> None:
    inputs = _inputs(batch=3)
    inputs["candidate_mask"][1, 4:] = 0.0
    inputs["frame_mask"][2, 1:] = 0.0
    together = reranker(**inputs)
    for i in range(3):
        alone = reranker(**{k: v[i : i + 1] for k, v in inputs.items()})
        assert torch.allclose(together[i], alone[0], atol=1e-5)


@torch.inference_mode()
def test_equal_candidates_get_equal_scores(reranker: GraphReranker) -> None:
    inputs = _inputs()
    for name in ("items", "item_nodes", "scores"):
        inputs[name][:, 5] = inputs[name][:, 0]
    found = reranker(**inputs)[0]
    assert found[5] == pytest.approx(float(found[0]), abs=1e-6)


@torch.inference_mode()
def test_no_frame_no_words_and_no_candidate_are_finite(reranker: GraphReranker) -> None:
    silent = _inputs(frames=0)
    silent["query"][:, TINY.visual_size :] = 0.0
    assert torch.isfinite(reranker(**silent)).all()
    assert (reranker(**_inputs(candidates=0)) == MASKED).all()
    nothing = {k: v * 0 for k, v in _inputs().items()}
    assert torch.isfinite(reranker(**nothing)).all()


@torch.inference_mode()
def test_relations_are_those_of_the_publication(reranker: GraphReranker) -> None:
    """Blocks of the bias, entry by entry, with the clip behind the frames."""
    inputs = _inputs(frames=T)
    frames, nodes = inputs["query_nodes"], inputs["item_nodes"]
    clip = unit(frames.mean(1, keepdim=True))
    spoken = reranker._spoken(inputs["query"], inputs["items"])
    bias = reranker._relations(frames, clip, nodes[:, :, 0], nodes, inputs["frame_mask"], spoken)[0]
    expected = (inputs["query"][0, 33:] * inputs["items"][0, 5, 33:]).sum()
    assert spoken[0, 5] == pytest.approx(float(expected), abs=1e-5)
    away = (frames[0, 1] - frames[0, 2]).norm()
    assert bias[1, 2] == pytest.approx(float((-away).exp()), abs=1e-5)
    away = (nodes[0, 2, 0] - nodes[0, 6, 0]).norm()
    assert bias[T + 1 + 2, T + 1 + 6] == pytest.approx(float((-away).exp()), abs=1e-5)
    assert bias[3, T + 1 + 4] == pytest.approx(float(frames[0, 3] @ nodes[0, 4, 0]), abs=1e-5)
    best = (frames[0] @ nodes[0, 5].T).amax(1).sort(descending=True).values
    relation = reranker.profile(best) + reranker.text_relation * spoken[0, 5]
    assert bias[T, T + 1 + 5] == pytest.approx(float(relation), abs=1e-5)
    assert torch.allclose(bias, bias.T, atol=1e-6)


def test_the_gradient_reaches_every_weight_and_both_sides(reranker: GraphReranker) -> None:
    inputs = _inputs()
    for name in ("query_nodes", "query_patches", "item_nodes"):
        inputs[name].requires_grad_()
    reranker(**inputs)[0, 1].backward()
    nodes = [inputs[name] for name in ("query_nodes", "query_patches", "item_nodes")]
    for tensor in (*reranker.parameters(), *nodes):
        assert tensor.grad is not None
        assert tensor.grad.abs().max() > 0


def test_it_exports_under_the_rerankers_contract(reranker: GraphReranker, tmp_path: Path) -> None:
    contract = next(part for part in parts(fresh_network()) if part.name == "reranker")
    part = Part("reranker", reranker, contract.inputs, contract.outputs)
    file = write_onnx(part, tmp_path)
    for real in (_inputs(), _inputs(candidates=3, frames=1), _inputs(frames=0, candidates=1)):
        inputs: list[Tensor] = [real[port.name] for port in part.inputs]
        for result in require(part, file, inputs):
            assert result.largest < 1e-4, result
    (padding,) = measure(part, file, [tensor * 0 for tensor in inputs])
    assert padding.largest < 1e-4


@torch.inference_mode()
@pytest.mark.parametrize("frames", [3, 1, 0])
def test_half_precision_ranks_alike(reranker: GraphReranker, frames: int) -> None:
    inputs = _inputs(candidates=K - 2, frames=frames)
    exact = reranker(**inputs)[:, : K - 2]
    half = reranker.half()(**{k: v.half() for k, v in inputs.items()})
    assert torch.isfinite(half).all()
    assert torch.allclose(half[:, : K - 2].float(), exact, atol=2e-2)
