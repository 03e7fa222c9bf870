"""The published fusion as an arm for comparison (publication B4)."""

from __future__ import annotations

import pytest
import torch

from models.heads.attention import SingleKeyFusion, TextGuidedAttention
from tests.models.tiny_network import stirred

SIZE = 8


@pytest.fixture
def fusion() -> SingleKeyFusion:
    torch.manual_seed(0)
    return stirred(SingleKeyFusion(SIZE, SIZE, visual_size=5)).eval()


@torch.inference_mode()
def test_it_sees_one_pooled_text_and_not_its_words(fusion: SingleKeyFusion) -> None:
    """Two words in any order, or their mean said once, are one and the same to it."""
    patches, words = torch.randn(1, 2, 4, SIZE), torch.randn(1, 2, SIZE)
    both, uniform = fusion(patches, words, torch.ones(1, 2))
    mean = torch.cat([words.mean(1, keepdim=True), torch.zeros(1, 1, SIZE)], 1)
    once, _ = fusion(patches, mean, torch.tensor([[1.0, 0.0]]))
    assert torch.allclose(both, once, atol=1e-6)
    assert torch.equal(uniform, torch.full((1, 2, 4), 0.25))
    real = stirred(TextGuidedAttention(SIZE, SIZE, visual_size=5)).eval()
    ours, mean_only = real(patches, words, torch.ones(1, 2))[0], real(patches, mean, _first())[0]
    assert (ours - mean_only).abs().max() > 1e-4


def _first() -> torch.Tensor:
    return torch.tensor([[1.0, 0.0]])


@torch.inference_mode()
def test_words_change_it_and_silence_adds_exactly_zero(fusion: SingleKeyFusion) -> None:
    patches, words = torch.randn(2, 3, 4, SIZE), torch.randn(2, 2, SIZE)
    spoken = torch.tensor([[1.0, 1.0], [0.0, 0.0]])
    added, _ = fusion(patches, words, spoken)
    assert not added[1].any()
    assert added[0].abs().max() > 1e-3
    other, _ = fusion(patches, -words, spoken)
    assert (added[0] - other[0]).abs().max() > 1e-3
