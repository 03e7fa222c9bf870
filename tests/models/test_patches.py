"""Places of a picture: pooled, centred and mapped, view by view."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from models.config import LITE, TINY, NetworkConfig
from models.heads.norms import unit
from models.heads.patches import PatchNodes
from tests.models.tiny_network import stirred

TWO_VIEWS = replace(TINY, views=2, item_nodes=19)


def _patches(config: NetworkConfig = TINY) -> PatchNodes:
    torch.manual_seed(0)
    return stirred(PatchNodes(config)).eval()


def _tokens(config: NetworkConfig, *batch: int) -> Tensor:
    torch.manual_seed(1)
    return torch.randn(*batch, config.tokens, config.token_size)


@torch.inference_mode()
@pytest.mark.parametrize("config", [TINY, TWO_VIEWS], ids=["one view", "two views"])
def test_places_are_windows_of_three_patches_every_two(config: NetworkConfig) -> None:
    """Place by place against slices of each view's own 7 x 7 grid."""
    patches, tokens = _patches(config), _tokens(config, 1)
    found = patches.items(tokens)[0]
    assert len(found) == config.patch_nodes
    place = 0
    for view in range(config.views):
        grid = tokens[0, view * 49 : (view + 1) * 49].reshape(7, 7, -1) - patches.item_mean
        for y in (0, 2, 4):
            for x in (0, 2, 4):
                mean = grid[y : y + 3, x : x + 3].mean((0, 1))
                assert torch.allclose(found[place], unit(patches.linear(mean)), atol=1e-6)
                place += 1


@torch.inference_mode()
def test_each_side_has_its_own_mean_and_both_share_the_map() -> None:
    patches, tokens = _patches(), _tokens(TINY, 1)
    seen = patches.frames(tokens[:, None] + patches.frame_mean - patches.item_mean)[:, 0]
    assert torch.allclose(seen, patches.items(tokens), atol=1e-5)
    assert not torch.allclose(patches.frames(tokens[:, None])[:, 0], seen, atol=1e-2)
    assert [name for name, _ in patches.named_parameters()] == ["linear.weight"]


@torch.inference_mode()
def test_every_frame_is_read_alone() -> None:
    patches, tokens = _patches(TWO_VIEWS), _tokens(TWO_VIEWS, 2, 3)
    together = patches.frames(tokens)
    assert together.shape == (2, 3, 18, TINY.node_size)
    for clip in range(2):
        for frame in range(3):
            alone = patches.frames(tokens[clip : clip + 1, frame : frame + 1])[0, 0]
            assert torch.allclose(together[clip, frame], alone, atol=1e-6)


@torch.inference_mode()
def test_a_view_reaches_its_own_places_alone() -> None:
    patches, tokens = _patches(TWO_VIEWS), _tokens(TWO_VIEWS, 1)
    before = patches.items(tokens)[0]
    tokens[0, 49:] += torch.randn(49, TINY.token_size)
    moved = (patches.items(tokens)[0] - before).abs().amax(1) > 1e-4
    assert moved.tolist() == [False] * 9 + [True] * 9


@torch.inference_mode()
def test_a_picture_like_the_mean_has_places_without_direction() -> None:
    patches = _patches()
    tokens = patches.item_mean.expand(1, TINY.tokens, -1)
    assert torch.equal(patches.items(tokens), torch.zeros(1, 9, TINY.node_size))


def test_a_preset_has_as_many_places_as_its_nodes_say() -> None:
    found = PatchNodes(LITE).items(torch.randn(1, LITE.tokens, LITE.token_size))
    assert found.shape == (1, LITE.patch_nodes, LITE.node_size)
    assert torch.allclose(found.norm(dim=2), torch.ones(1, LITE.patch_nodes))
    assert F.cosine_similarity(found[0, 0], found[0, 1], dim=0) < 0.99
