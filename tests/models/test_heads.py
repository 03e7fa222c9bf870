"""Query head and item head."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from models.config import B32, LITE, TINY, NetworkConfig
from models.heads.norms import unit
from models.heads.query import CLEAR, LOWEST, QueryHead, _quality
from tests.models.tiny_network import (
    fresh_network,
    item_inputs,
    query_inputs,
    stirred_heads,
    stirred_network,
)


def _query(head: QueryHead, inputs: dict[str, Tensor]) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    with torch.inference_mode():
        found: tuple[Tensor, Tensor, Tensor, Tensor] = head(**inputs)
    return found


@pytest.mark.parametrize("config", [TINY, LITE, B32], ids=lambda c: c.preset)
@pytest.mark.parametrize(
    "case",
    [
        {"frames": 4, "words": 5},
        {"frames": 1},
        {"words": 0},
        {"frames": 0},
        {"frames": 0, "words": 0},
        {"batch": 3},
    ],
    ids=str,
)
def test_every_query_is_finite(config: NetworkConfig, case: dict[str, Any]) -> None:
    head, _ = stirred_heads(config)
    query, nodes, patches, attention = _query(head, query_inputs(config, **case))
    batch = case.get("batch", 1)
    assert query.shape == (batch, config.vector_size)
    assert nodes.shape == (batch, config.frames, config.node_size)
    assert patches.shape == (batch, config.frames, config.patch_nodes, config.node_size)
    assert attention.shape == (batch, config.frames, config.patches)
    assert all(bool(torch.isfinite(t).all()) for t in (query, nodes, patches, attention))


@pytest.mark.parametrize("config", [TINY, LITE, B32], ids=lambda c: c.preset)
def test_black_pictures_and_empty_titles_are_finite(config: NetworkConfig) -> None:
    query_head, item_head = stirred_heads(config)
    query_head.shared.projection.frame_mean.zero_()
    query_head.shared.projection.item_mean.zero_()
    query = _query(query_head, {k: v * 0 for k, v in query_inputs(config).items()})
    with torch.inference_mode():
        item = item_head(**{k: v * 0 for k, v in item_inputs(config).items()})
    assert all(bool(torch.isfinite(t).all()) for t in (*query, *item))


def test_halves_have_unit_length() -> None:
    network, size = stirred_network(), TINY.visual_size
    query, nodes, patches, _ = _query(network.query_head, query_inputs(TINY))
    with torch.inference_mode():
        item, item_nodes = network.item_head(**item_inputs(TINY))
    weight = network.query_head.text_weight.detach()
    one = torch.tensor(1.0)
    assert torch.allclose(query[:, :size].norm(dim=1), one)
    assert torch.allclose(query[:, size + 1 :].norm(dim=1), weight)
    assert torch.allclose(item[:, :size].norm(dim=1), one)
    assert torch.allclose(item[:, size + 1 :].norm(dim=1), one)
    mask = query_inputs(TINY)["frame_mask"][0]
    assert torch.allclose(nodes[0].norm(dim=1), mask)
    assert torch.allclose(patches[0].norm(dim=2), mask[:, None].expand(-1, TINY.patch_nodes))
    assert torch.allclose(item_nodes.norm(dim=2), one)


@pytest.mark.parametrize("padded", [0, 1, 3])
def test_what_a_padded_frame_holds_changes_nothing(padded: int) -> None:
    head = stirred_network().query_head
    inputs = query_inputs(TINY, frames=4)
    inputs["frame_mask"][0, padded] = 0.0
    other = {k: v.clone() for k, v in inputs.items()}
    other["cls"][0, padded] = torch.randn(TINY.cls_size) * 9
    other["tokens"][0, padded] = torch.randn(TINY.tokens, TINY.token_size) * 9
    query, nodes, patches, _ = _query(head, inputs)
    changed_query, changed_nodes, changed_patches, _ = _query(head, other)
    assert torch.equal(query, changed_query)
    assert torch.equal(nodes, changed_nodes)
    assert torch.equal(patches, changed_patches)
    assert not nodes[0, padded].any()
    assert not patches[0, padded].any()


def test_what_a_real_frame_holds_reaches_the_other_frames() -> None:
    """Otherwise the test above would pass with a temporal block that does nothing."""
    head = stirred_network().query_head
    inputs = query_inputs(TINY, frames=4)
    _, nodes, _, _ = _query(head, inputs)
    inputs["cls"][0, 3] += 1.0
    _, changed, _, _ = _query(head, inputs)
    assert (nodes[0, 0] - changed[0, 0]).abs().max() > 1e-4


def test_a_query_does_not_depend_on_its_neighbours_in_the_batch() -> None:
    head = stirred_network().query_head
    inputs = query_inputs(TINY, batch=3, frames=4)
    inputs["frame_mask"] = torch.tensor([[1, 1, 1, 1], [1, 0, 0, 0], [1, 1, 0, 0]]).float()
    inputs["text_mask"][1] = 0.0
    together = _query(head, inputs)
    for i in range(3):
        alone = _query(head, {k: v[i : i + 1] for k, v in inputs.items()})
        for many, one in zip(together, alone, strict=True):
            assert torch.allclose(many[i], one[0], atol=1e-6)


def test_words_said_to_nobody_add_nothing() -> None:
    head = stirred_network().query_head
    silent = query_inputs(TINY, words=0)
    garbage = {**silent, "text_pooled": torch.randn(1, TINY.text_size)}
    garbage["text_tokens"] = torch.randn(1, TINY.text_tokens, TINY.text_size)
    for quiet, loud in zip(_query(head, silent), _query(head, garbage), strict=True):
        assert torch.equal(quiet, loud)
    assert not _query(head, silent)[0][:, TINY.visual_size + 1 :].any()


def test_queries_and_items_share_one_projection() -> None:
    network = stirred_network()
    assert network.query_head.shared is network.item_head.shared
    projections = [m for m in network.modules() if type(m).__name__ == "SharedProjection"]
    assert len(projections) == 1


def test_a_shop_picture_that_is_shown_is_its_own_best_match() -> None:
    network = fresh_network()
    items = item_inputs(TINY, count=5, words=0)
    with torch.inference_mode():
        vectors, _ = network.item_head(**items)
        shown = query_inputs(TINY, frames=1, words=0)
        shown["cls"][0, 0], shown["tokens"][0, 0] = items["cls"][3], items["tokens"][3]
        query, _, _, _ = network.query_head(**shown)
    assert torch.allclose(query[0, : TINY.visual_size], vectors[3, : TINY.visual_size], atol=1e-6)
    assert (query @ vectors.T).argmax() == 3


def test_one_inner_product_is_pictures_plus_weighted_words() -> None:
    network, size = stirred_network(), TINY.visual_size
    asked, shelf = query_inputs(TINY), item_inputs(TINY)
    with torch.inference_mode():
        query, _, _, _ = network.query_head(**asked)
        items, _ = network.item_head(**shelf)
        said = unit(network.shared.words(asked["text_pooled"]))
        titles = unit(network.shared.words(shelf["title_pooled"]))
        seen = query[:, :size] @ items[:, :size].T
        expected = seen + network.query_head.text_weight * (said @ titles.T)
        assert torch.allclose(query @ items.T, expected, atol=1e-6)
        mute = {**asked, "text_mask": asked["text_mask"] * 0}
        silent, _, _, _ = network.query_head(**mute)
        seen = silent[:, :size] @ items[:, :size].T
        assert torch.allclose(silent @ items.T, seen, atol=1e-6)


def test_what_is_heard_is_never_weighed_against_titles_by_length() -> None:
    head = stirred_network().query_head
    asked = query_inputs(TINY)
    louder = {**asked, "text_pooled": asked["text_pooled"] * 7}
    assert torch.allclose(_query(head, asked)[0], _query(head, louder)[0], atol=1e-6)


@pytest.mark.parametrize(
    ("cosines", "quality"),
    [((), 0.0), ((1.0,), 1.0), ((1.0, 0.6), 1.0), ((1.0, 0.15), 0.25), ((1.0, -0.5), 0.1296)],
    ids=str,
)
def test_quality_is_how_far_frames_agree(cosines: tuple[float, ...], quality: float) -> None:
    """Frames with these cosines with the first: none, one, two clear ones, less and less clear."""
    frames, mask = torch.zeros(1, 3, 4), torch.zeros(1, 3)
    for place, cosine in enumerate(cosines):
        frames[0, place, :2] = torch.tensor([cosine, (1 - cosine**2) ** 0.5])
        mask[0, place] = 1.0
    assert float(_quality(frames, mask)) == pytest.approx(quality, abs=1e-6)


def test_quality_is_the_square_of_the_mean_over_pairs_of_frames() -> None:
    e = torch.eye(4)
    frames = torch.stack([e[0], e[0], e[0], e[1]])[None]
    found = _quality(frames * 1.0, torch.ones(1, 4))
    assert float(found) == pytest.approx(1.0), "3 of 6 pairs agree, more than clear clips do"
    frames = torch.stack([e[0], e[0], e[1], e[2]])[None]
    assert float(_quality(frames, torch.ones(1, 4))) == pytest.approx((1 / 6 / CLEAR) ** 2)


def test_the_query_holds_its_quality_between_pictures_and_words() -> None:
    head, inputs = fresh_network().query_head, query_inputs(TINY, frames=4)
    inputs["cls"][0, 3] = inputs["cls"][0, 2]
    frames: list[Tensor] = []
    head.temporal.register_forward_hook(lambda _, __, out: frames.append(out))
    query = _query(head, inputs)[0]
    expected = _quality(unit(frames[0]), inputs["frame_mask"])
    assert LOWEST**2 < float(expected) < 1
    assert float(query[0, TINY.visual_size]) == pytest.approx(float(expected), abs=1e-6)


def test_item_nodes_are_the_item_and_nine_places() -> None:
    head = stirred_network().item_head
    inputs = item_inputs(TINY, count=1)
    with torch.inference_mode():
        item, nodes = head(**inputs)
        own = unit(head.shared.node(item[:, : TINY.visual_size]))
        # The last patch, lower right, lies in the window of the last place alone.
        inputs["tokens"][0, -1] += 3.0
        _, changed = head(
            **inputs,
        )
    assert torch.allclose(nodes[:, 0], own, atol=1e-6)
    moved = (nodes - changed)[0].abs().amax(1) > 1e-6
    assert moved[1:].tolist() == [False] * 8 + [True]
