"""Text-guided attention and the temporal block."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from models.heads.attention import TextGuidedAttention
from models.heads.temporal import TemporalDifference
from tests.models.tiny_network import stirred

PATCHES, SIZE = 4, 8


@pytest.fixture
def attention() -> TextGuidedAttention:
    """Words and patches are compared as they are."""
    torch.manual_seed(0)
    module = stirred(TextGuidedAttention(SIZE, SIZE, visual_size=5, width=SIZE))
    for layer in (module.query, module.key):
        torch.nn.init.eye_(layer.weight)
    torch.nn.init.zeros_(module.patch_norm.bias)
    torch.nn.init.zeros_(module.null_key)
    return module.eval()


def _patches() -> Tensor:
    """Four patches that differ in where their one is."""
    return torch.eye(PATCHES, SIZE)[None, None]


def _word(place: int, strength: float = 20.0) -> Tensor:
    words = torch.zeros(1, 3, SIZE)
    words[0, 0, place] = strength
    return words


def _mask(count: int) -> Tensor:
    return torch.tensor([[1.0] * count + [0.0] * (3 - count)])


@torch.inference_mode()
def test_without_words_the_map_is_uniform_and_adds_exactly_zero(
    attention: TextGuidedAttention,
) -> None:
    added, where = attention(_patches(), torch.randn(1, 3, SIZE), _mask(0))
    assert torch.equal(where, torch.full((1, 1, PATCHES), 1 / PATCHES))
    assert torch.equal(added, torch.zeros(1, 1, 5))


@torch.inference_mode()
def test_with_49_patches_silence_adds_exactly_zero_too() -> None:
    torch.manual_seed(0)
    module = stirred(TextGuidedAttention(SIZE, SIZE, visual_size=5)).eval()
    added, _ = module(torch.randn(2, 3, 49, SIZE), torch.randn(2, 3, SIZE), torch.zeros(2, 3))
    assert not added.any()


@torch.inference_mode()
@pytest.mark.parametrize("place", range(PATCHES))
def test_a_word_points_at_the_patch_it_fits(attention: TextGuidedAttention, place: int) -> None:
    added, where = attention(_patches(), _word(place), _mask(1))
    assert where[0, 0].argmax() == place
    assert where[0, 0, place] > 0.9
    assert added.abs().max() > 1e-3
    assert torch.allclose(where.sum(-1), torch.ones(1, 1))


@torch.inference_mode()
def test_the_null_key_takes_what_no_word_fits(attention: TextGuidedAttention) -> None:
    attention.null_key[:PATCHES] = 200.0  # fits every patch far better than the word does
    added, where = attention(_patches(), _word(2), _mask(1))
    assert torch.allclose(where, torch.full((1, 1, PATCHES), 1 / PATCHES))
    assert added.abs().max() < 1e-5


@torch.inference_mode()
def test_padded_words_do_not_count(attention: TextGuidedAttention) -> None:
    words = _word(1)
    words[0, 1:] = _word(3)[0, :1]
    one, _ = attention(_patches(), _word(1), _mask(1))
    padded, _ = attention(_patches(), words, _mask(1))
    spoken, _ = attention(_patches(), words, _mask(2))
    assert torch.equal(one, padded)
    assert (spoken - one).abs().max() > 1e-3


@pytest.fixture
def temporal() -> TemporalDifference:
    torch.manual_seed(0)
    return stirred(TemporalDifference(16, 5, 4)).eval()


@torch.inference_mode()
def test_the_last_difference_into_padding_does_not_leak(temporal: TemporalDifference) -> None:
    frames, mask = torch.randn(1, 5, 16), torch.tensor([[1.0, 1.0, 1.0, 0.0, 0.0]])
    other = frames.clone()
    other[:, 3:] = torch.randn(1, 2, 16) * 5
    assert torch.equal(temporal(frames, mask)[:, :3], temporal(other, mask)[:, :3])
    assert not torch.equal(temporal(frames, mask.fill_(1.0)), temporal(other, mask))


@torch.inference_mode()
def test_masks_of_one_clip_do_not_reach_another(temporal: TemporalDifference) -> None:
    frames = torch.randn(4, 5, 16)
    mask = torch.ones(4, 5)
    mask[1, 1:], mask[2], mask[3, 2] = 0.0, 0.0, 0.0
    together = temporal(frames, mask)
    for i in range(4):
        assert torch.allclose(together[i], temporal(frames[i][None], mask[i][None])[0], atol=1e-6)


@torch.inference_mode()
def test_motion_is_seen_beside_the_frames(temporal: TemporalDifference) -> None:
    """The difference tokens carry something: without them a frame reads otherwise."""
    frames, mask = torch.randn(1, 5, 16), torch.ones(1, 5)
    whole = temporal(frames, mask)
    temporal.difference_norm.weight.zero_()
    temporal.difference_norm.bias.zero_()
    assert (whole - temporal(frames, mask)).abs().max() > 1e-3
