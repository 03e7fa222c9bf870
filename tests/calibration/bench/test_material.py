"""Bundles and networks that belong together, and those that do not."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from calibration.bench import material
from calibration.bench.material import config_of, default_cache, seeded, seeded_network, twins
from calibration.bench.material import exported as export_to_cache
from models.config import TINY
from models.sgmn import Sgmn, save_checkpoint
from runtime.bundle.reader import verify
from runtime.engines.settings import EngineSettings
from runtime.errors import BundleError, ExportError, StorageError, UsageError
from runtime.network import Network
from tests.export.conftest import Exported


def test_a_seeded_network_is_the_same_each_time_and_touches_no_other_draw() -> None:
    torch.manual_seed(5)
    expected = torch.rand(1)
    torch.manual_seed(5)
    first, notes = seeded_network(TINY)
    assert torch.equal(torch.rand(1), expected)
    second, _ = seeded_network(TINY)
    assert notes == {"seed": 0, "encoders": "random"}
    for name, tensor in first.state_dict().items():
        assert torch.equal(tensor, second.state_dict()[name]), name


def test_a_bundle_alone_gets_a_seeded_twin_of_its_architecture(
    quantised: Path, tmp_path: Path
) -> None:
    found = twins(quantised, None, None, tmp_path)
    assert verify(found.fp32).precision == "fp32"
    assert found.quantised == quantised
    assert "seed" in found.weights
    with Network.open(found.fp32, EngineSettings(threads=1)) as network:
        images = np.zeros((1, TINY.image_size, TINY.image_size, 3), np.uint8)
        cls = network.encode_frames(images, [0.0])[0].cls
    with torch.inference_mode():
        expected = found.network.frame_encoder(torch.from_numpy(images))[0][0]
    np.testing.assert_allclose(cls, expected.numpy(), atol=1e-4)


def test_an_export_is_kept_and_made_anew_only_where_it_is_damaged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = seeded("tiny", tmp_path).fp32
    written = (place / "manifest.json").stat().st_mtime_ns
    assert seeded("tiny", tmp_path).fp32 == place
    assert (place / "manifest.json").stat().st_mtime_ns == written
    (place / "onnx" / "reranker.fp32.onnx").write_bytes(b"damaged")
    assert seeded("tiny", tmp_path).fp32 == place
    verify(place)
    assert [one.name for one in tmp_path.iterdir()] == [place.name]
    # What decides the bytes is part of the key.
    monkeypatch.setattr("calibration.bench.material.__version__", "0.0.0+other")
    assert seeded("tiny", tmp_path).fp32 != place


def test_an_export_that_fails_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise ExportError("no", why="no", fix="no")

    monkeypatch.setattr("export.bundle.export_bundle", fail)
    with pytest.raises(ExportError):
        seeded("tiny", tmp_path)
    assert not list(tmp_path.iterdir())


def test_a_checkpoint_is_exported_where_no_twin_is_given(
    quantised: Path, exported: Exported, tmp_path: Path
) -> None:
    found = twins(quantised, None, exported.checkpoint, tmp_path)
    assert found.fp32.parent == tmp_path
    assert exported.checkpoint.name in found.weights
    with (
        Network.open(found.fp32, EngineSettings(threads=1)) as ours,
        Network.open(exported.bundle, EngineSettings(threads=1)) as it,
    ):
        texts = ["a red one"]
        np.testing.assert_array_equal(
            ours.encode_texts(texts).pooled, it.encode_texts(texts).pooled
        )


def test_what_is_given_must_fit_together(
    quantised: Path, exported: Exported, tmp_path: Path
) -> None:
    with pytest.raises(UsageError, match="is an FP32 bundle"):
        twins(exported.bundle, exported.bundle, exported.checkpoint, tmp_path)
    with pytest.raises(UsageError, match="not an FP32 bundle"):
        twins(quantised, quantised, exported.checkpoint, tmp_path)
    other = tmp_path / "other.safetensors"
    save_checkpoint(other, Sgmn(replace(TINY, shortlist=5)), {})
    with pytest.raises(UsageError, match="architecture"):
        twins(quantised, exported.bundle, other, tmp_path)
    shorter = export_to_cache(*seeded_network(replace(TINY, shortlist=5)), tmp_path)
    with pytest.raises(UsageError, match="architecture"):
        twins(quantised, shorter, exported.checkpoint, tmp_path)


def test_a_missing_or_damaged_twin_is_refused(
    quantised: Path, exported: Exported, tmp_path: Path
) -> None:
    with pytest.raises(BundleError):
        twins(quantised, tmp_path / "nowhere", exported.checkpoint, tmp_path)
    broken = tmp_path / "broken"
    shutil.copytree(exported.bundle, broken)
    (broken / "tokenizer.json").write_text("{}", encoding="utf-8")
    with pytest.raises(BundleError):
        twins(quantised, broken, exported.checkpoint, tmp_path)


def test_the_architecture_follows_what_training_recorded(exported: Exported) -> None:
    chosen = {"reranker": "graph", "joint_layers": 2, "unknown": 1}
    training = {"training": {"config": {"network": chosen}}}
    manifest = exported.manifest.model_copy(update={"provenance": training})
    assert config_of(manifest) == replace(TINY, reranker="graph", joint_layers=2)
    assert config_of(exported.manifest) == TINY


def test_an_unknown_preset_needs_a_checkpoint(exported: Exported) -> None:
    manifest = exported.manifest.model_copy(update={"preset": "huge"})
    with pytest.raises(UsageError, match="huge"):
        config_of(manifest)


def test_exports_lie_in_the_users_cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert default_cache() == tmp_path / "sgmn" / "bench"
    monkeypatch.setenv("XDG_CACHE_HOME", "relative")
    monkeypatch.setenv("HOME", "/home/someone")
    assert default_cache() == Path("/home/someone/.cache/sgmn/bench")


def test_without_a_home_a_cache_must_be_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def homeless() -> Path:
        raise RuntimeError("no home")

    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setattr(Path, "home", homeless)
    with pytest.raises(StorageError, match="--cache"):
        default_cache()


def test_other_code_exports_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    subject = seeded_network(TINY)
    first = export_to_cache(*subject, tmp_path)
    assert export_to_cache(*subject, tmp_path) == first
    monkeypatch.setattr(material, "file_digest", lambda file: "another")
    assert export_to_cache(*subject, tmp_path) != first
