"""Edges by value: within a domain, between domains, and the published form."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from models.graph.edges import (
    CrossDomainEdges,
    Edges,
    ProfileRelevance,
    RepeatedVectorEdges,
    distance,
    frame_profile,
    node_profile,
    same_domain_relevance,
    top_half,
    with_self_loops,
)
from models.heads.norms import MASKED, unit
from tests.models.tiny_network import stirred

FRAMES, NODES, SIZE = 4, 3, 8


def _vectors(*shape: int, seed: int = 0) -> Tensor:
    return unit(torch.randn(*shape, generator=torch.Generator().manual_seed(seed)))


def test_relevance_within_a_domain_is_exp_of_minus_the_distance() -> None:
    nodes = _vectors(5, SIZE)
    expected = (-torch.cdist(nodes, nodes)).exp()
    found = same_domain_relevance(nodes)
    assert torch.allclose(found, expected, atol=2e-3)
    # Apart from a node and itself, where the root is kept from zero, it is exact.
    apart = ~torch.eye(5, dtype=torch.bool)
    assert torch.allclose(found[apart], expected[apart], atol=1e-6)
    assert found[0, 0] == pytest.approx(math.exp(-1e-3), abs=1e-6)


def test_equal_and_zero_nodes_have_finite_gradients() -> None:
    nodes = torch.cat([_vectors(1, SIZE).repeat(2, 1), torch.zeros(1, SIZE)]).requires_grad_()
    distance(nodes, nodes).sum().backward()
    assert nodes.grad is not None
    assert torch.isfinite(nodes.grad).all()


def test_the_stronger_half_is_kept_and_the_first_of_equals() -> None:
    strength = torch.tensor([[0.1, 0.9, 0.5, 0.7, 0.3], [0.5] * 5, [0.2, 0.2, 0.2, 0.9, 0.2]])
    kept = [[column for column in range(5) if row[column]] for row in top_half(strength).tolist()]
    assert kept == [[1, 3], [0, 1], [0, 3]]


def test_a_batch_of_one_keeps_its_one_edge() -> None:
    assert top_half(torch.tensor([[-0.4]])).tolist() == [[True]]


def test_self_loops_stay_even_where_others_are_just_as_near() -> None:
    nodes = _vectors(1, SIZE).repeat(6, 1)
    connected = with_self_loops(top_half(same_domain_relevance(nodes)))
    assert connected.diagonal().all()
    assert connected[:3].sum(1).tolist() == [3, 3, 3]
    assert connected[3:].sum(1).tolist() == [4, 4, 4]


def test_edges_not_connected_are_masked() -> None:
    relevance = torch.tensor([[1.0, 2.0, 3.0, 4.0]])
    strength = torch.tensor([[0.9, 0.1, 0.8, 0.2]])
    assert Edges(relevance, strength).bias().tolist() == [[1.0, MASKED, 3.0, MASKED]]


def test_a_profile_is_the_best_node_for_each_frame_sorted() -> None:
    cosines = torch.tensor([[0.1, 0.4], [-0.9, -0.2], [0.8, 0.3]])
    assert frame_profile(cosines, torch.ones(3)).tolist() == pytest.approx([0.8, 0.4, -0.2])
    # Without the last frame it counts as the mean of the others.
    short = frame_profile(cosines, torch.tensor([1.0, 1.0, 0.0])).tolist()
    assert short == pytest.approx([0.4, 0.1, -0.2])
    assert node_profile(cosines, torch.ones(3)).tolist() == pytest.approx([0.8, 0.4])
    masked = node_profile(cosines, torch.tensor([0.0, 1.0, 0.0])).tolist()
    assert masked == pytest.approx([-0.2, -0.9])
    assert not frame_profile(cosines, torch.zeros(3)).any()
    assert not node_profile(cosines, torch.zeros(3)).any()


@pytest.mark.parametrize("profile", [frame_profile, node_profile])
def test_padded_frames_do_not_reach_a_profile(profile: object) -> None:
    cosines, mask = torch.rand(FRAMES, NODES), torch.tensor([1.0, 0.0, 1.0, 0.0])
    other = cosines.clone()
    other[[1, 3]] = 99.0
    assert torch.equal(profile(cosines, mask), profile(other, mask))  # type: ignore[operator]


def test_profile_relevance_starts_as_the_mean_and_can_learn() -> None:
    relevance, profile = ProfileRelevance(FRAMES), torch.rand(2, FRAMES)
    assert torch.allclose(relevance(profile), profile.mean(-1))
    relevance(profile).sum().backward()
    assert relevance.down.weight.grad is not None
    assert relevance.down.weight.grad.abs().max() > 0


@torch.inference_mode()
def test_cross_domain_edges_are_every_pair_alone() -> None:
    torch.manual_seed(0)
    edges = stirred(CrossDomainEdges(FRAMES, NODES))
    frames, nodes = _vectors(3, FRAMES, SIZE), _vectors(2, NODES, SIZE, seed=1)
    mask = torch.tensor([[1.0, 1, 1, 1], [1, 1, 0, 0], [1, 0, 0, 0]])
    to_items, to_clips = edges(frames, mask, nodes)
    for a in range(3):
        for b in range(2):
            best = (frames[a][mask[a] > 0] @ nodes[b].T).amax(1)
            assert to_items.strength[a, b] == pytest.approx(float(best.mean()), abs=1e-6)
            padded = torch.cat([best, best.mean().expand(FRAMES - len(best))])
            expected = edges.to_items(padded.sort(descending=True).values)
            assert to_items.relevance[a, b] == pytest.approx(float(expected), abs=1e-5)
            seen = (frames[a][mask[a] > 0] @ nodes[b].T).amax(0)
            expected = edges.to_clips(seen.sort(descending=True).values)
            assert to_clips.relevance[b, a] == pytest.approx(float(expected), abs=1e-5)
            assert to_clips.strength[b, a] == pytest.approx(float(seen.mean()), abs=1e-6)


@torch.inference_mode()
def test_real_item_nodes_matter() -> None:
    """A frame that shows one place of an item relates to it although the whole differs."""
    edges = CrossDomainEdges(1, NODES)
    nodes = torch.eye(4, SIZE)[:3][None]
    frame, elsewhere = nodes[:, 2:], torch.eye(SIZE)[None, 5:6]
    (shown, _), (not_shown, _) = (edges(f, torch.ones(1, 1), nodes) for f in (frame, elsewhere))
    assert shown.relevance.item() == pytest.approx(1.0)
    assert not_shown.relevance.item() == pytest.approx(0.0)


@torch.inference_mode()
def test_the_published_edges_are_constant_or_flat() -> None:
    """What the publication says (B3), and what the working form does not show."""
    clips, items = _vectors(12, 1, SIZE, seed=2), _vectors(12, 1, SIZE, seed=4)
    frames = unit(clips + 0.5 + 0.2 * _vectors(12, 10, SIZE, seed=3))
    nodes = unit(items + 0.5 + 0.2 * _vectors(12, 10, SIZE, seed=5))
    mask = torch.ones(12, 10)
    to_items, to_clips = RepeatedVectorEdges(10, 10)(frames, mask, nodes)
    third = 10**-0.5
    assert torch.allclose(to_clips.relevance, torch.full((12, 12), third), atol=1e-6)
    assert to_items.relevance.max() <= third + 1e-6
    assert to_items.relevance.std() < 0.01
    working, back = CrossDomainEdges(10, 10)(frames, mask, nodes)
    assert working.relevance.std() > 0.1
    assert back.relevance.std() > 0.1


@torch.inference_mode()
def test_the_published_edges_see_only_the_items_own_vector() -> None:
    frames, nodes = _vectors(2, FRAMES, SIZE), _vectors(2, NODES, SIZE, seed=1)
    other = nodes.clone()
    other[:, 1:] = _vectors(2, NODES - 1, SIZE, seed=5)
    published = RepeatedVectorEdges(FRAMES, NODES)
    ones = torch.ones(2, FRAMES)
    assert torch.equal(
        published(frames, ones, nodes)[0].relevance, published(frames, ones, other)[0].relevance
    )


@torch.inference_mode()
@pytest.mark.parametrize("kind", [CrossDomainEdges, RepeatedVectorEdges])
def test_no_frame_at_all_is_finite(kind: type[CrossDomainEdges]) -> None:
    edges = kind(FRAMES, NODES)
    frames, nodes = torch.zeros(1, FRAMES, SIZE), _vectors(2, NODES, SIZE)
    for found in edges(frames, torch.zeros(1, FRAMES), nodes):
        assert torch.equal(found.relevance, torch.zeros_like(found.relevance))
