"""Preset ``b32``, scaled down, from checkpoint to bundle and back."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
import torch

from export.bundle import export_bundle
from export.parity import require
from export.precision.maker import make_bundle
from export.precision.presets import named_plan
from export.submodules import parts
from models.backbones.clip_tokenizer import byte_tokenizer
from models.backbones.registry import TOKENIZER
from models.sgmn import Sgmn, save_checkpoint
from runtime.bundle.files import file_digest
from runtime.bundle.manifest import Manifest
from runtime.bundle.reader import open_bundle
from runtime.engines.settings import EngineSettings
from runtime.errors import ExportError
from runtime.network import Network
from runtime.preprocess import frame_input
from runtime.text import TextTokenizer
from tests.export.conftest import Exported
from tests.models.small_clip import SMALL, shrink_b32
from tests.models.tiny_network import stirred

AWKWARD = {"ArgMax", "GatherND", "ScatterND", "NonZero", "Einsum", "If", "Loop"}


@pytest.fixture(scope="module")
def network() -> Sgmn:
    with pytest.MonkeyPatch.context() as patch:
        shrink_b32(patch)
        torch.manual_seed(0)
        return stirred(Sgmn(SMALL)).eval()


@pytest.fixture(scope="module")
def bundle(
    network: Sgmn, exported: Exported, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, Manifest]:
    """Exported with the tokenizer that lies beside the checkpoint."""
    folder = tmp_path_factory.mktemp("b32")
    byte_tokenizer().save(str(folder / TOKENIZER))
    notes = {"encoders": "random", "tokenizer": file_digest(folder / TOKENIZER)}
    save_checkpoint(folder / "checkpoint.safetensors", network, notes)
    with pytest.MonkeyPatch.context() as patch:
        shrink_b32(patch)
        manifest = export_bundle(
            folder / "checkpoint.safetensors", None, exported.samples, folder / "bundle"
        )
    return folder / "bundle", manifest


def test_all_five_submodules_compute_what_torch_computes(bundle: tuple[Path, Manifest]) -> None:
    _, manifest = bundle
    assert (manifest.name, manifest.frames, manifest.text.max_tokens) == ("sgmn-b32", 3, 77)
    assert manifest.provenance["training"]["encoders"] == "random"
    assert len(manifest.parity) == 5
    assert max(one["largest"] for found in manifest.parity.values() for one in found) < 1e-4


@pytest.mark.parametrize("name", ["frame_encoder", "text_encoder"])
def test_the_towers_use_no_awkward_operator(bundle: tuple[Path, Manifest], name: str) -> None:
    model = onnx.load(str(bundle[0] / "onnx" / f"{name}.fp32.onnx"))
    used = {node.op_type for node in model.graph.node}
    assert not used & AWKWARD
    assert {"MatMul", "Softmax"} <= used
    assert [o.version for o in model.opset_import if not o.domain] == [17]


@pytest.mark.parametrize("name", ["frame_encoder", "text_encoder"])
@pytest.mark.parametrize(("n", "length"), [(1, 1), (1, 77), (3, 2), (5, 9)])
def test_every_size_computes_what_torch_computes(
    network: Sgmn, bundle: tuple[Path, Manifest], name: str, n: int, length: int
) -> None:
    part = next(part for part in parts(network) if part.name == name)
    generator = torch.Generator().manual_seed(n)
    inputs = [port.example({"N": n, "L": length}, generator) for port in part.inputs]
    if name == "text_encoder":
        inputs[1][0, length // 2 + 1 :] = 0
        inputs[1][-1, 1:] = 0
    found = require(part, bundle[0] / "onnx" / f"{name}.fp32.onnx", inputs)
    assert all(result.largest < 1e-4 and result.cosine > 0.9999 for result in found)


def test_the_runtime_reads_the_same_words(
    network: Sgmn, bundle: tuple[Path, Manifest], exported: Exported
) -> None:
    """In the runtime texts of different length are padded to the head's length."""
    texts = ["Größe 42", "green tea with lemon, and a good deal more of it, as long as it takes"]
    picture = frame_input(exported.samples.pictures[0], SMALL.image_size)
    with Network.open(bundle[0], EngineSettings(threads=1)) as opened:
        assert opened.says_something("日本")
        assert not opened.says_something("🍵")
        words = opened.encode_texts(texts)
        (frame,) = opened.encode_frames(picture[None], [0.0])
        query = opened.query([frame], words.row(0))
    tokenizer = TextTokenizer(byte_tokenizer())
    for row, text in enumerate(texts):
        ids = torch.from_numpy(tokenizer.encode([text]).ids)
        with torch.inference_mode():
            pooled, _ = network.text_encoder(ids, torch.ones_like(ids))
        assert np.allclose(words.pooled[row], pooled[0], atol=1e-5)
    assert query.vector.shape == (SMALL.vector_size,)
    assert np.isfinite(query.vector).all()


def test_the_profile_for_processors_leaves_pictures_independent(
    bundle: tuple[Path, Manifest],
    exported: Exported,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    shrink_b32(monkeypatch)
    make_bundle(bundle[0], named_plan("int8", "b32"), exported.samples, tmp_path / "small")
    manifest = open_bundle(tmp_path / "small").manifest
    precisions = {name: part.precision for name, part in manifest.submodules.items()}
    assert (precisions["frame_encoder"], precisions["text_encoder"]) == ("fp16", "int8")
    assert all(one["cosine"] > 0.98 for found in manifest.parity.values() for one in found)
    size = SMALL.image_size
    pictures = np.stack([frame_input(p, size) for p in exported.samples.pictures[:3]])
    with Network.open(tmp_path / "small", EngineSettings(threads=1)) as opened:
        together = opened.encode_frames(pictures, [0.0, 1.0, 2.0])
        (alone,) = opened.encode_frames(pictures[1:2], [1.0])
    assert np.allclose(together[1].cls, alone.cls, atol=1e-5)


def test_a_tokenizer_that_was_not_trained_with_is_refused(
    bundle: tuple[Path, Manifest],
    exported: Exported,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    shrink_b32(monkeypatch)
    other = byte_tokenizer()
    other.add_tokens(["tea"])
    other.save(str(tmp_path / TOKENIZER))
    checkpoint = bundle[0].with_name("checkpoint.safetensors")
    with pytest.raises(ExportError, match="not the one that the network was trained with"):
        export_bundle(checkpoint, tmp_path / TOKENIZER, exported.samples, tmp_path / "bundle")
    assert not (tmp_path / "bundle").exists()


def test_without_a_tokenizer_beside_it_the_presets_own_is_taken(
    exported: Exported, tmp_path: Path
) -> None:
    checkpoint = tmp_path / "alone.safetensors"
    save_checkpoint(checkpoint, exported.network, {})
    manifest = export_bundle(checkpoint, None, exported.samples, tmp_path / "bundle")
    assert manifest.files[TOKENIZER].sha256 == file_digest(exported.tokenizer)
