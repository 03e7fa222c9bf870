"""The temporal difference block against publication 2.2, B6 and B7."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from models.heads.temporal import DIFFERENCE, FRAME, TemporalDifference
from tests.models.tiny_network import stirred

FRAMES, WIDTH = 5, 16


@pytest.fixture(params=[1, 2], ids=["one joint layer", "two joint layers"])
def block(request: pytest.FixtureRequest) -> TemporalDifference:
    torch.manual_seed(0)
    return stirred(TemporalDifference(WIDTH, FRAMES, 4, request.param)).eval()


def _clip(count: int = FRAMES, batch: int = 1) -> Tensor:
    torch.manual_seed(1)
    return torch.randn(batch, count, WIDTH)


def _mask(*lengths: int) -> Tensor:
    return torch.tensor([[1.0] * n + [0.0] * (FRAMES - n) for n in lengths])


def test_every_joint_layer_is_there_and_one_keeps_its_old_name() -> None:
    names = {name for name, _ in TemporalDifference(WIDTH, FRAMES, 4).named_parameters()}
    assert "joint_layer.qkv.weight" in names
    assert not [name for name in names if name.startswith("further_layers")]
    three = TemporalDifference(WIDTH, FRAMES, 4, joint_layers=3)
    assert len(three.further_layers) == 2


@torch.inference_mode()
def test_every_joint_layer_counts() -> None:
    torch.manual_seed(0)
    block = stirred(TemporalDifference(WIDTH, FRAMES, 4, joint_layers=3)).eval()
    whole = block(_clip(), _mask(FRAMES))
    for layer in (block.joint_layer, *block.further_layers):
        kept = {k: v.clone() for k, v in layer.state_dict().items()}
        layer.mix.weight.zero_()
        assert (block(_clip(), _mask(FRAMES)) - whole).abs().max() > 1e-4
        layer.load_state_dict(kept)


@torch.inference_mode()
def test_frames_and_differences_alternate_and_share_positions(block: TemporalDifference) -> None:
    frames = torch.arange(3.0)[None, :, None].expand(1, 3, WIDTH)
    tokens = block._interleaved(frames, torch.tensor([10.0, 11.0])[None, :, None].expand(1, 2, 16))
    assert tokens[0, :, 0].tolist() == [0.0, 10.0, 1.0, 11.0, 2.0]
    placed = block._placed(torch.zeros(1, 2 * FRAMES - 1, WIDTH))[0]
    for place, token in enumerate(placed):
        kind = block.kinds[DIFFERENCE if place % 2 else FRAME]
        assert torch.equal(token, block.positions[place // 2] + kind)


@torch.inference_mode()
def test_differences_are_of_neighbours_and_between_minus_one_and_one(
    block: TemporalDifference,
) -> None:
    clip = _clip()
    # Layers silenced: what remains is the norm of the plain difference and its position.
    for weight in (block.difference_layer.mix.weight, block.difference_layer.down.weight):
        weight.zero_()
    block.difference_layer.mix.bias.zero_()
    block.difference_layer.down.bias.zero_()
    steps, mask = block._differences(clip, _mask(3))
    plain = clip[:, 1:] - clip[:, :-1] + block.positions[1:]
    assert torch.allclose(steps, torch.tanh(block.difference_norm(plain) / 2), atol=1e-6)
    assert steps.abs().max() < 1.0
    assert mask.tolist() == [[1.0, 1.0, 0.0, 0.0]]


@torch.inference_mode()
@pytest.mark.parametrize("valid", [1, 2, 4])
def test_padding_reaches_no_valid_frame_and_comes_out_as_zeros(
    block: TemporalDifference, valid: int
) -> None:
    clip, other = _clip(), _clip()
    other[:, valid:] = torch.randn(1, FRAMES - valid, WIDTH) * 100
    out, changed = block(clip, _mask(valid)), block(other, _mask(valid))
    assert torch.equal(out, changed)
    assert not out[:, valid:].any()
    assert (out[:, :valid] - clip[:, :valid]).abs().max() > 1e-3


@torch.inference_mode()
def test_padding_is_as_if_the_clip_were_shorter(block: TemporalDifference) -> None:
    clip = _clip()
    for length in range(1, FRAMES):
        short = block(clip[:, :length], torch.ones(1, length))
        assert torch.allclose(block(clip, _mask(length))[:, :length], short, atol=1e-6)


@torch.inference_mode()
def test_a_hole_cuts_both_differences_beside_it(block: TemporalDifference) -> None:
    mask = torch.tensor([[1.0, 1.0, 0.0, 1.0, 1.0]])
    _, valid = block._differences(_clip(), mask)
    assert valid.tolist() == [[1.0, 0.0, 0.0, 1.0]]
    other = _clip()
    other[:, 2] = 50.0
    assert torch.equal(block(_clip(), mask), block(other, mask))


@torch.inference_mode()
def test_clips_of_different_lengths_in_one_batch_equal_each_alone(
    block: TemporalDifference,
) -> None:
    clips, mask = _clip(batch=4), _mask(5, 1, 3, 0)
    together = block(clips, mask)
    for i in range(4):
        alone = block(clips[i : i + 1], mask[i : i + 1])[0]
        assert torch.allclose(together[i], alone, atol=1e-6)


@torch.inference_mode()
def test_no_frame_at_all_gives_zeros(block: TemporalDifference) -> None:
    assert torch.equal(block(_clip(), _mask(0)), torch.zeros(1, FRAMES, WIDTH))


def test_gradients_are_finite_for_one_frame_and_for_none(block: TemporalDifference) -> None:
    for length in (1, 0):
        clip = _clip().requires_grad_()
        block(clip, _mask(length)).square().sum().backward()
        assert clip.grad is not None
        assert torch.isfinite(clip.grad).all()
        assert not clip.grad[:, length:].any()
        assert all(torch.isfinite(p.grad).all() for p in block.parameters() if p.grad is not None)
