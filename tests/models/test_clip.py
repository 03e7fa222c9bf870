"""CLIP's towers against CLIP written from its description."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import Tensor

from models.backbones.clip import ClipFrameEncoder, ClipTextEncoder
from models.backbones.clip_weights import load_clip
from models.config import B32
from tests.models.small_clip import (
    LAYERS,
    SMALL,
    WIDTH,
    ReferenceClip,
    frame_tower,
    published,
    text_tower,
)

START, END = 49_406, 49_407


@pytest.fixture(scope="module", params=[True, False], ids=["quick gelu", "gelu"])
def reference(request: pytest.FixtureRequest) -> ReferenceClip:
    return published(quick_gelu=request.param)


@pytest.fixture(scope="module")
def towers(
    reference: ReferenceClip, tmp_path_factory: pytest.TempPathFactory
) -> tuple[ClipFrameEncoder, ClipTextEncoder]:
    quick_gelu = type(reference.visual.transformer.resblocks[0].mlp.gelu).__name__ == "QuickGelu"
    config = replace(SMALL, quick_gelu=quick_gelu)
    frames, texts = frame_tower(config).eval(), text_tower(config).eval()
    file = tmp_path_factory.mktemp("clip") / "clip.pt"
    torch.save(reference.state_dict(), file)
    load_clip(frames, texts, file)
    return frames, texts


def _pictures(count: int) -> Tensor:
    generator = torch.Generator().manual_seed(3)
    return torch.randint(0, 256, (count, 224, 224, 3), dtype=torch.uint8, generator=generator)


def _texts(length: int = 77) -> tuple[Tensor, Tensor]:
    """Three texts of 1, 5 and 9 words between start and end, zeros behind."""
    ids, mask = torch.zeros(3, length, dtype=torch.long), torch.zeros(3, length, dtype=torch.long)
    for row, words in enumerate((1, 5, 9)):
        said = torch.arange(words) * 97 + 400 + row
        ids[row, : words + 2] = torch.tensor([START, *said.tolist(), END])
        mask[row, : words + 2] = 1
    return ids, mask


def _close(found: Tensor, expected: Tensor) -> bool:
    return bool((found - expected).abs().max() < 1e-5 * expected.abs().max())


@torch.inference_mode()
def test_the_image_tower_is_clips(
    reference: ReferenceClip, towers: tuple[ClipFrameEncoder, ClipTextEncoder]
) -> None:
    images = _pictures(3)
    mean = torch.tensor([0.48145466, 0.4578275, 0.40821073])[:, None, None]
    deviation = torch.tensor([0.26862954, 0.26130258, 0.27577711])[:, None, None]
    pixels = (images.permute(0, 3, 1, 2) / 255 - mean) / deviation
    expected = reference.visual(pixels)
    cls, tokens = towers[0](images)
    assert tokens.shape == (3, 49, SMALL.token_size)
    assert _close(cls, expected[:, 0])
    assert _close(tokens, expected[:, 1:])
    assert not _close(cls, reference.visual(pixels.flip(1))[:, 0])


@torch.inference_mode()
def test_the_text_tower_is_clips(
    reference: ReferenceClip, towers: tuple[ClipFrameEncoder, ClipTextEncoder]
) -> None:
    ids, mask = _texts()
    pooled, tokens = towers[1](ids, mask)
    assert _close(pooled, torch.nn.functional.normalize(reference.text(ids)))
    assert _close(tokens, reference.words(ids) * mask[..., None])


@torch.inference_mode()
def test_padding_changes_nothing(towers: tuple[ClipFrameEncoder, ClipTextEncoder]) -> None:
    _, texts = towers
    ids, mask = _texts()
    pooled, tokens = texts(ids, mask)
    shorter, shorter_tokens = texts(ids[:, :11], mask[:, :11])
    assert _close(shorter, pooled)
    assert _close(shorter_tokens, tokens[:, :11])
    alone, _ = texts(ids[:1, :3], mask[:1, :3])
    assert _close(alone, pooled[:1])
    ids[mask == 0] = 777
    garbage, garbage_tokens = texts(ids, mask)
    assert torch.equal(garbage, pooled)
    assert torch.equal(garbage_tokens, tokens)
    assert not tokens[mask == 0].any()


@torch.inference_mode()
def test_later_words_do_not_reach_earlier_ones(
    towers: tuple[ClipFrameEncoder, ClipTextEncoder],
) -> None:
    _, texts = towers
    ids, mask = _texts()
    _, before = texts(ids, mask)
    ids[2, 6] = 9999
    _, after = texts(ids, mask)
    assert torch.equal(before[2, :6], after[2, :6])
    assert (before[2, 6:11] - after[2, 6:11]).abs().amax(-1).min() > 1e-3


@torch.inference_mode()
def test_a_text_is_read_at_its_end(towers: tuple[ClipFrameEncoder, ClipTextEncoder]) -> None:
    """Where the mask ends, whatever token stands there: a user's tokenizer may have its own end."""
    _, texts = towers
    ids, mask = _texts()
    ids[ids == END] = 5
    pooled, tokens = texts(ids, mask)
    ends = torch.stack([tokens[row, words + 1] for row, words in enumerate((1, 5, 9))])
    assert _close(pooled, torch.nn.functional.normalize(ends))
    assert torch.allclose(pooled.norm(dim=1), torch.ones(3))


@torch.inference_mode()
def test_no_word_at_all_is_finite_and_zero() -> None:
    texts = text_tower().eval()
    ids = torch.zeros(2, 4, dtype=torch.long)
    pooled, tokens = texts(ids, ids)
    assert not pooled.any()
    assert not tokens.any()


@torch.inference_mode()
def test_a_picture_does_not_depend_on_its_batch(
    towers: tuple[ClipFrameEncoder, ClipTextEncoder],
) -> None:
    images = _pictures(3)
    cls, tokens = towers[0](images)
    for i in range(3):
        alone, alone_tokens = towers[0](images[i : i + 1])
        assert _close(alone[0], cls[i])
        assert _close(alone_tokens[0], tokens[i])


@torch.inference_mode()
def test_a_patch_token_belongs_to_its_place() -> None:
    """Token 7 r + c is the patch in row r and column c, as the attention map draws it."""
    torch.manual_seed(0)
    tower = frame_tower().eval()
    tower.transformer.resblocks = torch.nn.ModuleList()
    images = _pictures(1)
    _, before = tower(images)
    images[0, 64:96, 160:192] = 255 - images[0, 64:96, 160:192]
    _, after = tower(images)
    moved = (before - after).abs().amax(-1)[0]
    assert moved[7 * 2 + 5] > 0
    assert int((moved > 0).sum()) == 1


def test_random_weights_follow_clips_scheme_and_the_seed() -> None:
    def built(seed: int) -> ClipTextEncoder:
        torch.manual_seed(seed)
        return text_tower()

    one, same, other = built(1), built(1), built(2)
    ours, again = one.state_dict(), same.state_dict()
    assert all(torch.equal(ours[name], again[name]) for name in ours)
    assert not torch.equal(one.token_embedding.weight, other.token_embedding.weight)
    outwards = WIDTH**-0.5 * (2 * LAYERS) ** -0.5
    for weight, std in (
        (one.token_embedding.weight, 0.02),
        (one.positional_embedding, 0.01),
        (one.transformer.resblocks[0].attn.in_proj_weight, WIDTH**-0.5),
        (one.transformer.resblocks[0].attn.out_proj.weight, outwards),
        (one.transformer.resblocks[1].mlp.c_fc.weight, (2 * WIDTH) ** -0.5),
        (one.transformer.resblocks[1].mlp.c_proj.weight, outwards),
        (one.text_projection, WIDTH**-0.5),
    ):
        assert float(weight.detach().std()) == pytest.approx(std, rel=0.1)


def test_at_full_size_the_towers_are_vit_b_32() -> None:
    with torch.device("meta"):
        frames, texts = ClipFrameEncoder(B32), ClipTextEncoder(B32)
    assert sum(p.numel() for p in frames.parameters()) == 87_849_216
    assert sum(p.numel() for p in texts.parameters()) == 63_428_096
    assert frames.conv1.weight.shape == (768, 3, 32, 32)
    assert len(frames.transformer.resblocks) == len(texts.transformer.resblocks) == 12
    assert frames.transformer.resblocks[0].attn.heads == 12
    assert texts.transformer.resblocks[0].attn.heads == 8
