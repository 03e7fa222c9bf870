"""Agreement of places, by a plain count, and what the re-ranker makes of it."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from models.config import TINY
from models.graph.matching import patch_agreement
from models.heads.norms import unit
from tests.models.graph.test_relation import _inputs
from tests.models.tiny_network import fresh_network

VIEWS, PART, SIZE = 2, 3, 5
PLACES = VIEWS * PART


def _random(batch: int = 2, frames: int = 4, count: int = 3) -> tuple[Tensor, Tensor, Tensor]:
    torch.manual_seed(0)
    mask = torch.ones(batch, frames)
    mask[0, 2:] = 0.0
    patches = unit(torch.randn(batch, frames, PLACES, SIZE)) * mask[..., None, None]
    return patches, mask, unit(torch.randn(batch, count, PLACES, SIZE))


def _counted(frame: Tensor, item: Tensor) -> float:
    """Of one frame and one item, place by place."""
    best = []
    for view in range(VIEWS):
        own = range(view * PART, (view + 1) * PART)
        best += [max(float(frame[f] @ item[i]) for f in own) for i in own]
        best += [max(float(frame[f] @ item[i]) for i in own) for f in own]
    return sum(best) / len(best)


def test_it_is_the_mean_of_best_matches_both_ways_over_valid_frames() -> None:
    patches, mask, items = _random()
    found = patch_agreement(patches, mask, items, VIEWS)
    for clip in range(2):
        valid = patches[clip][mask[clip] > 0]
        for k in range(3):
            every = [_counted(frame, items[clip, k]) for frame in valid]
            assert float(found[clip, k]) == pytest.approx(sum(every) / len(every), abs=1e-6)


def test_the_same_picture_agrees_wholly_and_the_opposite_not_at_all() -> None:
    picture = unit(torch.tensor([[1.0, 0, 0, 0, 0]])).expand(PLACES, -1)
    clip, mask = picture.expand(1, 2, -1, -1), torch.ones(1, 2)
    items = torch.stack([picture, -picture])[None]
    assert patch_agreement(clip, mask, items, VIEWS)[0].tolist() == pytest.approx([1.0, -1.0])


def test_places_may_change_about_within_a_view_but_not_across() -> None:
    patches, mask, items = _random(1)
    whole = patch_agreement(patches, mask, items, VIEWS)
    turned = items[:, :, [2, 0, 1, 4, 5, 3]]
    assert torch.allclose(patch_agreement(patches, mask, turned, VIEWS), whole, atol=1e-6)
    crossed = items[:, :, [3, 4, 5, 0, 1, 2]]
    assert not torch.allclose(patch_agreement(patches, mask, crossed, VIEWS), whole, atol=1e-2)


def test_a_thing_added_to_the_frame_lowers_one_direction_alone() -> None:
    """The item's places are all found; one of the frame's three is not on the item."""
    e = torch.eye(SIZE)
    item = torch.stack([e[0], e[1], e[1]])
    frame = torch.stack([e[0], e[1], e[2]])
    found = patch_agreement(frame[None, None], torch.ones(1, 1), item[None, None], 1)
    assert float(found) == pytest.approx((1.0 + 2 / 3) / 2)


def test_no_frames_give_zero_and_padding_weighs_nothing() -> None:
    patches, mask, items = _random(1)
    assert not patch_agreement(patches * 0, mask * 0, items, VIEWS).any()
    short = patch_agreement(patches[:, :2], mask[:, :2], items, VIEWS)
    assert torch.allclose(patch_agreement(patches, mask, items, VIEWS), short, atol=1e-6)


def test_candidates_do_not_see_each_other() -> None:
    patches, mask, items = _random(1)
    alone = patch_agreement(patches, mask, items[:, 1:2], VIEWS)
    together = patch_agreement(patches, mask, items, VIEWS)
    assert float(alone) == pytest.approx(float(together[0, 1]), abs=1e-6)


@torch.inference_mode()
@pytest.mark.parametrize("quality", [1.0, 0.5, 0.0])
def test_the_reranker_adds_it_by_weight_and_quality(quality: float) -> None:
    reranker, inputs = fresh_network().reranker, _inputs()
    inputs["query"][:, TINY.visual_size] = quality
    reranker.patch_weight.fill_(1.6)
    places = patch_agreement(
        inputs["query_patches"], inputs["frame_mask"], inputs["item_nodes"][:, :, 1:], TINY.views
    )
    assert places.abs().max() > 0.05
    expected = inputs["scores"] + 1.6 * quality * places
    assert torch.allclose(reranker(**inputs), expected, atol=1e-6)
