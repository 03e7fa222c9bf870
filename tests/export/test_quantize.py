"""Profile ``cpu``."""

from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
import onnxruntime
import pytest
import torch
from click.testing import CliRunner
from onnx import TensorProto, helper, numpy_helper

from calibration.commands import quantize as command
from export.bundle import quantize_bundle
from export.onnx_files import write_onnx
from export.parity import measure
from export.quantize import quantize_frame_encoder, quantize_text_encoder, store_half
from export.submodules import Part, Port, parts
from models.config import LITE
from models.sgmn import Sgmn, save_checkpoint
from runtime.bundle.reader import open_bundle
from runtime.errors import BundleError, ExportError, StorageError
from runtime.network import Network
from tests.export.conftest import Exported
from tests.models.tiny_network import fresh_network


def _run(file: Path, feeds: dict[str, npt.NDArray[Any]]) -> list[npt.NDArray[Any]]:
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(str(file), options, ["CPUExecutionProvider"])
    answers: list[npt.NDArray[Any]] = session.run(None, feeds)
    return answers


@pytest.fixture
def table(tmp_path: Path) -> Path:
    """A file that looks words up in a table and nothing else; one row is zero, one huge."""
    rows = np.random.default_rng(0).normal(size=(300, 32)).astype(np.float32)
    rows[7], rows[8] = 0.0, rows[8] * 1000
    graph = helper.make_graph(
        [helper.make_node("Gather", ["words", "ids"], ["out"], axis=0)],
        "table",
        [helper.make_tensor_value_info("ids", TensorProto.INT64, ["N"])],
        [helper.make_tensor_value_info("out", TensorProto.FLOAT, ["N", 32])],
        [numpy_helper.from_array(rows, "words")],
    )
    file = tmp_path / "table.onnx"
    opset = [helper.make_opsetid("", 17)]
    onnx.save(helper.make_model(graph, opset_imports=opset, ir_version=8), str(file))
    return file


def test_word_tables_keep_every_row_within_half_a_step(table: Path, tmp_path: Path) -> None:
    small = tmp_path / "small.onnx"
    quantize_text_encoder(table, small)
    ids = {"ids": np.arange(300)}
    (want,), (got,) = _run(table, ids), _run(small, ids)
    step = np.abs(want).max(1, keepdims=True) / 127
    assert (np.abs(want - got) <= step * 0.501).all()
    assert not got[7].any()
    assert small.stat().st_size < table.stat().st_size / 2
    assert sorted(p.name for p in tmp_path.iterdir()) == ["small.onnx", "table.onnx"]


def test_half_weights_halve_the_file_and_round_once(tmp_path: Path) -> None:
    torch.manual_seed(0)
    head = torch.nn.Linear(256, 96)
    ports = (Port("x", "float32", ("N", 256)),), (Port("y", "float32", ("N", 96)),)
    source, half = write_onnx(Part("head", head, *ports), tmp_path), tmp_path / "half.onnx"
    store_half(source, half)
    weight = head.weight.detach().half()
    (stored,) = [w for w in onnx.load(str(half)).graph.initializer if w.name.endswith("_half")]
    assert np.array_equal(numpy_helper.to_array(stored), weight.numpy())
    assert half.stat().st_size == pytest.approx(source.stat().st_size / 2, rel=0.03)
    x = np.random.default_rng(0).normal(size=(5, 256)).astype(np.float32)
    (answer,) = _run(half, {"x": x})
    with torch.inference_mode():
        expected = torch.from_numpy(x) @ weight.float().T + head.bias
    assert np.allclose(answer, expected, atol=1e-5)


@pytest.mark.parametrize("name", ["query_head", "item_head", "reranker"])
def test_half_weights_answer_within_rounding(exported: Exported, tmp_path: Path, name: str) -> None:
    part = next(p for p in parts(exported.network) if p.name == name)
    half = tmp_path / "half.onnx"
    store_half(exported.bundle / "onnx" / f"{name}.fp32.onnx", half)
    onnx.checker.check_model(str(half), full_check=True)
    inputs = [port.example({"N": 3}, torch.Generator().manual_seed(0)) for port in part.inputs]
    for result in measure(part, half, inputs):
        assert result.largest < 5e-3, result
        assert result.cosine > 0.9999, result


@pytest.fixture(scope="module")
def profile(exported: Exported, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("profile") / "int8"
    quantize_bundle(exported.checkpoint, exported.bundle, exported.samples, out)
    return out


def test_the_profile_is_a_bundle_that_answers_alike(exported: Exported, profile: Path) -> None:
    manifest = open_bundle(profile).manifest
    assert manifest.precision == "int8-cpu"
    assert {n: part.precision for n, part in manifest.submodules.items()} == {
        "frame_encoder": "int8",
        "text_encoder": "int8",
        "query_head": "fp16",
        "item_head": "fp16",
        "reranker": "fp16",
    }
    pictures = len(exported.samples.pictures)
    assert manifest.provenance["calibration_pictures"] == pictures
    assert manifest.provenance["training"] == {"seed": 7}
    assert all(one["cosine"] > 0.98 for found in manifest.parity.values() for one in found)
    said = exported.samples.texts[0]
    with Network.open(exported.bundle) as exact, Network.open(profile) as small:
        full, less = (n.encode_texts([said]).pooled[0] for n in (exact, small))
    assert float(full @ less) > 0.99
    assert [p.name for p in profile.parent.iterdir()] == ["int8"]


def test_the_quantiser_is_quiet_and_leaves_logging_as_it_was(
    exported: Exported, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    level = logging.getLogger().level
    folder = exported.bundle / "onnx"
    images = np.zeros((1, 64, 64, 3), np.uint8)
    quantize_frame_encoder(
        folder / "frame_encoder.fp32.onnx", tmp_path / "a.onnx", [{"images": images}]
    )
    quantize_text_encoder(folder / "text_encoder.fp32.onnx", tmp_path / "b.onnx")
    assert caplog.records == []
    assert logging.getLogger().level == level


def test_another_networks_checkpoint_is_refused(exported: Exported, tmp_path: Path) -> None:
    other = tmp_path / "other.safetensors"
    save_checkpoint(other, fresh_network(seed=9), {})
    with pytest.raises(ExportError, match="use the checkpoint it came from"):
        quantize_bundle(other, exported.bundle, exported.samples, tmp_path / "int8")
    assert not (tmp_path / "int8").exists()


def _arguments(exported: Exported, out: Path, feed: Path | None = None) -> list[str]:
    sources = ["--checkpoint", str(exported.checkpoint), "--feed", str(feed or exported.feed)]
    return [str(exported.bundle), *sources, "--out", str(out)]


def test_the_command_reports_cosines(exported: Exported, tmp_path: Path) -> None:
    out = tmp_path / "int8"
    photos = ["--pictures", str(exported.root / "dev" / "images" / "train"), "--count", "6"]
    arguments = [*_arguments(exported, out), *photos, "--json"]
    answer = CliRunner().invoke(command, arguments, catch_exceptions=False)
    said = json.loads(answer.stdout)
    assert said["bundle"] == str(out)
    sizes = [p.stat().st_size for p in (*out.glob("onnx/*"), out / "tokenizer.json")]
    assert said["size_bytes"] == sum(sizes)
    assert len(said["least_cosine"]) == 11
    assert open_bundle(out).manifest.provenance["calibration_pictures"] == 6


def test_an_existing_folder_and_a_damaged_bundle_are_refused(
    exported: Exported, tmp_path: Path
) -> None:
    with pytest.raises(StorageError, match="exists already"):
        quantize_bundle(exported.checkpoint, exported.bundle, exported.samples, tmp_path)
    with pytest.raises(BundleError):
        quantize_bundle(exported.checkpoint, tmp_path, exported.samples, tmp_path / "int8")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_the_lite_frame_encoder_keeps_its_directions(assets: Path, tmp_path: Path) -> None:
    from models.backbones import lite0
    from models.data.sources import training_photos
    from runtime.catalog.images import decode_image
    from runtime.preprocess import frame_input

    network = Sgmn(LITE).eval()
    assert isinstance(network.frame_encoder, lite0.Lite0FrameEncoder)
    lite0.load_pretrained(network.frame_encoder)
    part = parts(network)[0]
    photos = training_photos(assets / "data" / "grocery_lpr")[::150]
    pictures = [frame_input(decode_image(p.read_bytes(), p.name), LITE.image_size) for p in photos]
    assert len(pictures) >= 12
    source = write_onnx(part, tmp_path)
    small = tmp_path / "small.onnx"
    quantize_frame_encoder(source, small, [{"images": p[None]} for p in pictures[:8]])
    cls, tokens = measure(part, small, [torch.from_numpy(np.stack(pictures[8:12]))])
    assert cls.cosine > 0.9
    assert tokens.output == "tokens"
    assert small.stat().st_size < source.stat().st_size / 3
