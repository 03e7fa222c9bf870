"""Words that weigh frames, and the query head's options."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from models.config import TINY
from models.heads.item import ItemHead
from models.heads.norms import masked_mean, unit
from models.heads.pooling import TextGuidedPool
from models.heads.query import QueryHead, SharedParts
from tests.models.tiny_network import item_inputs, query_inputs, stirred

SIZE = 8
OPTIONS = [
    {"text_guided_pool": True},
    {"joint_layers": 2},
    {"single_key": True},
    {"text_guided_pool": True, "joint_layers": 2, "single_key": True},
]


@pytest.fixture
def pool() -> TextGuidedPool:
    """Words and frames are compared as they are."""
    module = TextGuidedPool(SIZE, SIZE)
    torch.nn.init.eye_(module.words.weight)
    return module.eval()


def _frames() -> Tensor:
    return torch.eye(4, SIZE)[None]


@torch.inference_mode()
def test_the_frame_that_fits_the_words_carries_the_mean(pool: TextGuidedPool) -> None:
    said = torch.zeros(1, SIZE)
    said[0, 2] = 3.0
    weights = torch.tensor([0.0, 0.0, 3.0, 0.0]).softmax(0)
    found = pool(_frames(), torch.ones(1, 4), said)
    assert torch.allclose(found[0, :4], weights)


@torch.inference_mode()
def test_a_masked_frame_has_no_weight_however_well_it_fits(pool: TextGuidedPool) -> None:
    said, mask = torch.zeros(1, SIZE), torch.tensor([[1.0, 1.0, 0.0, 1.0]])
    said[0, 2] = 50.0
    found = pool(_frames(), mask, said)
    assert torch.allclose(found[0, :4], torch.tensor([1.0, 1.0, 0.0, 1.0]) / 3)


@torch.inference_mode()
def test_silence_and_an_untrained_pool_give_the_plain_mean(pool: TextGuidedPool) -> None:
    torch.manual_seed(0)
    frames, mask = torch.randn(3, 4, SIZE), torch.tensor([[1.0] * 4, [1, 0, 1, 0], [0, 1, 0, 0]])
    plain = masked_mean(frames, mask)
    assert torch.allclose(pool(frames, mask, torch.zeros(3, SIZE)), plain, atol=1e-6)
    fresh = TextGuidedPool(SIZE, SIZE)
    assert torch.allclose(fresh(frames, mask, torch.randn(3, SIZE)), plain, atol=1e-6)
    assert not torch.allclose(pool(frames, mask, torch.randn(3, SIZE)), plain, atol=1e-2)


@torch.inference_mode()
def test_no_frame_gives_zero(pool: TextGuidedPool) -> None:
    found = pool(_frames(), torch.zeros(1, 4), torch.ones(1, SIZE))
    assert torch.equal(found, torch.zeros(1, SIZE))


def test_a_fresh_pool_can_learn() -> None:
    fresh = TextGuidedPool(SIZE, SIZE)
    fresh(_frames(), torch.ones(1, 4), torch.ones(1, SIZE))[0, 1].backward()
    assert fresh.words.weight.grad is not None
    assert fresh.words.weight.grad.abs().max() > 1e-3


def _heads(single_key: bool = False, **options: object) -> tuple[QueryHead, ItemHead]:
    torch.manual_seed(0)
    shared = SharedParts(TINY, single_key=single_key)
    query = QueryHead(TINY, shared, **options)  # type: ignore[arg-type]
    return stirred(query).eval(), stirred(ItemHead(TINY, shared)).eval()


@torch.inference_mode()
@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_with_every_option_the_first_stage_is_one_inner_product(options: dict[str, bool]) -> None:
    query_head, item_head = _heads(**options)
    asked, shelf, size = query_inputs(TINY, batch=3), item_inputs(TINY, count=4), TINY.visual_size
    query, _, _, attention = query_head(**asked)
    items, _ = item_head(**shelf)
    said = unit(query_head.shared.words(asked["text_pooled"]))
    titles = unit(query_head.shared.words(shelf["title_pooled"]))
    expected = query[:, :size] @ items[:, :size].T + query_head.text_weight * said @ titles.T
    assert torch.allclose(query @ items.T, expected, atol=1e-6)
    assert torch.allclose(query[:, :size].norm(dim=1), torch.ones(3), atol=1e-5)
    assert torch.allclose(attention.sum(-1), torch.ones(3, TINY.frames), atol=1e-5)


@torch.inference_mode()
@pytest.mark.parametrize("options", OPTIONS, ids=str)
@pytest.mark.parametrize(("frames", "words"), [(1, 0), (0, 3), (0, 0), (4, 3)])
def test_with_every_option_a_clip_alone_equals_it_in_a_batch(
    options: dict[str, bool], frames: int, words: int
) -> None:
    """Also one frame, words alone and nothing at all."""
    head, _ = _heads(**options)
    special, others = query_inputs(TINY, frames=frames, words=words), query_inputs(TINY, batch=2)
    together = head(**{k: torch.cat([special[k], others[k]]) for k in special})
    for alone, many in zip(head(**special), together, strict=True):
        assert torch.isfinite(many).all()
        assert torch.allclose(alone[0], many[0], atol=1e-5)
    if not frames:
        assert not together[0][0, : TINY.visual_size].any()


@torch.inference_mode()
@pytest.mark.parametrize("options", [{}, *OPTIONS], ids=str)
@pytest.mark.parametrize("length", range(1, TINY.frames + 1))
def test_any_clip_length_equals_its_padded_form(options: dict[str, bool], length: int) -> None:
    head, _ = _heads(**options)
    whole = query_inputs(TINY, frames=length)
    short = {
        k: v[:, :length] if k in ("cls", "tokens", "frame_mask") else v for k, v in whole.items()
    }
    for padded, cut in zip(head(**whole), head(**short), strict=True):
        size = cut.shape[1]
        assert torch.allclose(padded[:, :size], cut, atol=1e-5)


@torch.inference_mode()
def test_the_option_lets_words_move_the_visual_half_beside_the_attention() -> None:
    """Attention silenced, so that only the pool can carry words into the picture (B5)."""
    size = TINY.visual_size
    for guided, moved in ((False, False), (True, True)):
        head, _ = _heads(text_guided_pool=guided)
        head.shared.attention.out.weight.zero_()
        asked = query_inputs(TINY)
        other = {**asked, "text_pooled": asked["text_pooled"].flip(1)}
        change = (head(**asked)[0] - head(**other)[0])[0, :size].abs().max()
        assert (change > 1e-3) == moved


def test_options_left_off_add_no_weights() -> None:
    plain = {name for name, _ in QueryHead(TINY, SharedParts(TINY)).named_parameters()}
    assert not [n for n in plain if n.startswith(("pool.", "temporal.further_layers"))]
