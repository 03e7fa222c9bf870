"""The batch-level graph."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from models.config import LITE, TINY
from models.graph.interaction import CrossDomainInteraction
from models.graph.layer import RelationLayer, graph_heads
from models.heads.norms import MASKED, unit
from tests.models.tiny_network import stirred


def _batch(clips: int, items: int | None = None, seed: int = 0) -> dict[str, Tensor]:
    torch.manual_seed(seed)
    items = clips if items is None else items
    mask = torch.ones(clips, TINY.frames)
    mask[clips // 2, 1:] = 0.0
    return {
        "clips": unit(torch.randn(clips, TINY.visual_size)),
        "items": unit(torch.randn(items, TINY.visual_size)),
        "frame_nodes": unit(torch.randn(clips, TINY.frames, TINY.node_size)) * mask[..., None],
        "frame_mask": mask,
        "item_nodes": unit(torch.randn(items, TINY.item_nodes, TINY.node_size)),
    }


def _graph(**options: bool) -> CrossDomainInteraction:
    torch.manual_seed(0)
    return stirred(CrossDomainInteraction(TINY, **options)).eval()


def test_heads_are_sixteen_where_the_width_allows() -> None:
    assert [graph_heads(w) for w in (512, 256, 128, 96, 32, 16, 7)] == [16, 16, 16, 8, 4, 2, 1]
    assert CrossDomainInteraction(LITE).layer.heads == 16


def test_a_layer_with_relations_is_the_textbooks() -> None:
    """Against PyTorch's own post-norm layer with the same weights and an additive mask."""
    torch.manual_seed(0)
    ours = stirred(RelationLayer(32)).eval()
    theirs = torch.nn.TransformerEncoderLayer(32, ours.heads, 32, 0.0, batch_first=True)
    names = {
        "self_attn.in_proj_weight": "qkv.weight",
        "self_attn.in_proj_bias": "qkv.bias",
        "self_attn.out_proj.weight": "mix.weight",
        "self_attn.out_proj.bias": "mix.bias",
        "linear1.weight": "up.weight",
        "linear1.bias": "up.bias",
        "linear2.weight": "down.weight",
        "linear2.bias": "down.bias",
        "norm1.weight": "norm_mixed.weight",
        "norm1.bias": "norm_mixed.bias",
        "norm2.weight": "norm_out.weight",
        "norm2.bias": "norm_out.bias",
    }
    mine = ours.state_dict()
    theirs.load_state_dict({name: mine[own] for name, own in names.items()})
    # In training mode: its fast path in evaluation mode takes no such mask.
    nodes, bias = torch.randn(1, 6, 32), torch.randn(1, 6, 6)
    bias[0, 2, 3] = MASKED
    assert torch.allclose(ours(nodes, bias), theirs(nodes, src_mask=bias[0]), atol=1e-5)


@torch.inference_mode()
@pytest.mark.parametrize("faithful", [False, True])
def test_a_batch_of_one_works(faithful: bool) -> None:
    found = _graph(faithful=faithful)(**_batch(1))
    for vectors in (found.clips, found.items):
        assert torch.allclose(vectors.norm(dim=1), torch.ones(1), atol=1e-5)
    assert found.to_items.shape == (1, 1)


@torch.inference_mode()
def test_the_order_of_the_batch_does_not_matter() -> None:
    batch, order = _batch(6), torch.tensor([3, 5, 0, 1, 4, 2])
    graph = _graph()
    plain, turned = graph(**batch), graph(**{k: v[order] for k, v in batch.items()})
    assert torch.allclose(plain.clips[order], turned.clips, atol=1e-5)
    assert torch.allclose(plain.items[order], turned.items, atol=1e-5)
    assert torch.allclose(plain.to_items[order][:, order], turned.to_items, atol=1e-5)


@torch.inference_mode()
def test_clips_and_items_may_differ_in_number() -> None:
    found = _graph()(**_batch(4, 7))
    assert (len(found.clips), len(found.items)) == (4, 7)
    assert found.to_items.shape == (4, 7)
    assert found.to_clips.shape == (7, 4)


def test_messages_pass_along_edges_only() -> None:
    """Eight clips in two far-apart pairs of camps: each hears its own camp and not the other."""
    batch, graph = _batch(8), _graph()
    axes = torch.eye(TINY.visual_size)
    nodes = torch.eye(TINY.node_size)
    batch["frame_mask"].fill_(1.0)
    for camp in range(2):
        for i in range(camp * 4, camp * 4 + 4):
            batch["clips"][i] = unit(axes[camp] + 0.1 * axes[i + 2])
            batch["items"][i] = unit(axes[camp] + 0.1 * axes[i + 12])
            batch["frame_nodes"][i] = nodes[camp]
            batch["item_nodes"][i] = nodes[camp]
    clips, items = batch["clips"].requires_grad_(), batch["items"].requires_grad_()
    (graph(**batch).clips[0] * axes[:1]).sum().backward()
    for moved in (clips.grad, items.grad):
        assert moved is not None
        assert moved[:4].abs().amax(1).min() > 0
        assert not moved[4:].any()


def test_edges_carry_no_gradient_into_the_network_but_their_mlps_learn() -> None:
    batch, graph = _batch(4), _graph()
    for name in ("frame_nodes", "item_nodes", "clips"):
        batch[name].requires_grad_()
    found = graph(**batch)
    (found.clips * found.items).sum().backward()
    assert batch["frame_nodes"].grad is None
    assert batch["item_nodes"].grad is None
    assert batch["clips"].grad is not None
    for parameter in graph.parameters():
        assert parameter.grad is not None
        assert parameter.grad.abs().max() > 0


@torch.inference_mode()
def test_the_published_graph_connects_clips_by_items() -> None:
    """B2: the working form connects by the clips themselves."""
    batch = _batch(4)
    batch["clips"] = torch.eye(4, TINY.visual_size)
    batch["clips"][1] = unit(batch["clips"][0] + 0.1 * batch["clips"][1])
    batch["items"] = torch.eye(4, TINY.visual_size)
    batch["items"][[0, 2]] = batch["items"][[2, 0]]
    working = _graph()._within(batch["clips"], batch["items"])
    published = _graph(faithful=True)._within(batch["clips"], batch["items"])
    assert (working[0] > MASKED).tolist() == [True, True, False, False]
    assert (published[0] > MASKED).tolist() == [True, False, True, False]


@torch.inference_mode()
@pytest.mark.parametrize("faithful", [False, True])
def test_empty_clips_are_finite(faithful: bool) -> None:
    batch = _batch(3)
    for name in ("clips", "frame_nodes", "frame_mask"):
        batch[name] = batch[name] * 0
    found = _graph(faithful=faithful)(**batch)
    assert all(torch.isfinite(t).all() for t in (found.clips, found.items, found.to_items))
