"""Kernel ridge regression from items to the photos of items like them."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import Tensor

from models.config import TINY
from models.heads.memory import ItemMemory
from models.heads.norms import unit
from tests.models.tiny_network import item_inputs, stirred_network

SMALL = replace(TINY, visual_size=3, text_size=2, memory=4)
VISUAL = torch.tensor([[2.0, 0.0, 0.0], [0.0, 2.0, 0.0]])
TEXT = torch.tensor([[3.0, 0.0], [0.0, 1.0]])
PHOTOS = torch.tensor([[0.0, 0.0, 1.0], [0.0, 1.0, 0.0]])


def _fitted(share: float = 0.5, ridge: float = 1.0, picture_share: float = 0.75) -> ItemMemory:
    memory = ItemMemory(SMALL)
    settings = {"share": share, "ridge": ridge, "picture_share": picture_share}
    memory.fit(VISUAL, TEXT, PHOTOS, **settings)
    return memory


def _random(count: int) -> tuple[Tensor, Tensor, Tensor]:
    torch.manual_seed(0)
    return torch.randn(count, 3), torch.randn(count, 2), torch.randn(count, 3)


def test_an_empty_memory_changes_nothing() -> None:
    visual, text, _ = _random(5)
    assert torch.allclose(ItemMemory(SMALL)(visual, text), unit(visual))


def test_likeness_mixes_pictures_and_words() -> None:
    memory = _fitted()
    found = memory.likeness(
        torch.tensor([[5.0, 0.0, 0.0]]), torch.tensor([[0.0, 9.0]]), memory.pictures, memory.texts
    )
    assert found[0].tolist() == pytest.approx([0.75, 0.25, 0.0, 0.0])


def test_what_was_remembered_by_hand() -> None:
    """Two items without likeness: the kernel is the identity, so a move is what is wanted halved.

    Photos are half as long as shop pictures, so half of an item counts 0.5 * 0.5: (0.5, 0, 0) is
    to become (0, 0, 1), and the move towards it (-0.5, 0, 1) is halved by the ridge.
    """
    memory = _fitted()
    assert float(memory.scale) == pytest.approx(0.25)
    assert memory.moves[0].tolist() == pytest.approx([-0.25, 0.0, 0.5])
    assert memory.moves[1].tolist() == pytest.approx([0.0, 0.25, 0.0])
    found = memory(VISUAL, TEXT)
    assert torch.allclose(found, unit(torch.tensor([[0.25, 0.0, 0.5], [0.0, 0.75, 0.0]])))


def test_without_ridge_items_lie_where_their_photos_lie() -> None:
    visual, text, photos = _random(3)
    memory = ItemMemory(SMALL)
    memory.fit(visual, text, photos, share=0.5, ridge=1e-6, picture_share=0.6)
    assert torch.allclose(memory(visual, text), unit(photos), atol=1e-3)


def test_it_is_the_solution_of_kernel_ridge_regression() -> None:
    """The fitted moves minimise the squared error plus ridge times the norm in kernel space."""
    visual, text, photos = _random(4)
    memory = ItemMemory(SMALL)
    memory.fit(visual, text, photos, share=0.5, ridge=0.3, picture_share=0.6)
    kernel = memory.likeness(visual, text, unit(visual), unit(text))
    wanted = photos - visual * memory.scale

    def loss(moves: Tensor) -> float:
        error = (kernel @ moves - wanted).square().sum()
        return float(error + 0.3 * (moves * (kernel @ moves)).sum())

    least = loss(memory.moves)
    for _ in range(20):
        assert loss(memory.moves + 0.01 * torch.randn(4, 3)) > least


def test_an_item_like_a_remembered_one_moves_as_that_did_and_others_do_not() -> None:
    memory = _fitted()
    alike = memory(torch.tensor([[1.9, 0.0, 0.2]]), TEXT[:1])[0]
    assert alike @ PHOTOS[0] > 0.8
    # Neither picture nor words have to do with those remembered.
    other = torch.tensor([[0.0, 0.0, -1.0]])
    assert torch.allclose(memory(other, torch.zeros(1, 2)), other)


def test_words_alone_carry_over_too() -> None:
    memory, picture = _fitted(picture_share=0.0), torch.tensor([[0.0, 0.0, 0.1]])
    first, second = (memory(picture, text[None])[0] for text in TEXT)
    assert first @ PHOTOS[0] > second @ PHOTOS[0]
    assert second @ PHOTOS[1] > first @ PHOTOS[1]


def test_fitting_again_forgets_and_none_empties() -> None:
    memory, twice = _fitted(), _fitted()
    twice.fit(VISUAL[1:], TEXT[1:], PHOTOS[1:], share=0.5, ridge=1.0, picture_share=0.75)
    assert torch.equal(twice.moves[0], memory.moves[1])
    assert not twice.moves[1:].any()
    nothing = torch.zeros(0, 3), torch.zeros(0, 2), torch.zeros(0, 3)
    twice.fit(*nothing, share=0.5, ridge=1.0, picture_share=0.75)
    assert torch.allclose(twice(VISUAL, TEXT), unit(VISUAL))


def test_zeros_are_finite() -> None:
    memory = _fitted()
    memory.fit(VISUAL * 0, TEXT * 0, PHOTOS * 0, share=0.5, ridge=1.0, picture_share=0.75)
    assert torch.isfinite(memory(VISUAL * 0, TEXT * 0)).all()


@torch.inference_mode()
def test_the_item_head_moves_items_by_it_and_knows_titles_before_the_words_matrix() -> None:
    network, shelf = stirred_network(), item_inputs(TINY, count=3)
    head, size = network.item_head, TINY.visual_size
    moved, _ = head(**shelf)
    seen, _ = head.shared.attention(
        shelf["tokens"][:, None], shelf["title_tokens"], shelf["title_mask"]
    )
    own = head.shared.projection.items(shelf["cls"])
    expected = unit(head.memory(own, shelf["title_pooled"]) + seen[:, 0])
    assert torch.allclose(moved[:, :size], expected, atol=1e-6)
    assert not moved[:, size].any(), "the place of the bias"
    head.memory.moves.zero_()
    assert not torch.allclose(head(**shelf)[0][:, :size], expected, atol=1e-2)
