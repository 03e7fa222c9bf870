"""Bundles of a precision plan."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import onnx
import pytest
from click.testing import CliRunner

from calibration.commands import quantize as command
from export.precision.maker import make_bundle
from export.precision.plan import PrecisionPlan, SubmodulePlan
from export.precision.presets import named_plan
from export.precision.simulation import simulate_bundle
from runtime.bundle.create import SelfTestSource, create_bundle
from runtime.bundle.manifest import SUBMODULES
from runtime.bundle.reader import open_bundle
from runtime.errors import BundleError, StorageError, UsageError
from runtime.network import Network
from runtime.preprocess import frame_input
from tests.docs_json import keys
from tests.export.conftest import Exported


@pytest.fixture(scope="module")
def profile(exported: Exported, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("profile") / "int8"
    make_bundle(exported.bundle, named_plan("int8", "tiny"), exported.samples, out)
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
    note = manifest.provenance["precision"]
    assert note["plan"] == named_plan("int8", "tiny").as_dict()
    assert note["samples"]["pictures"] == len(exported.samples.pictures)
    assert note["source"] == open_bundle(exported.bundle).digest
    assert manifest.provenance["training"] == {"seed": 7}
    assert all(one["cosine"] > 0.98 for found in manifest.parity.values() for one in found)
    said = exported.samples.texts[0]
    with Network.open(exported.bundle) as exact, Network.open(profile) as small:
        full, less = (n.encode_texts([said]).pooled[0] for n in (exact, small))
    assert float(full @ less) > 0.99
    assert [p.name for p in profile.parent.iterdir()] == ["int8"]


def test_every_submodule_and_block_has_the_precision_of_the_plan(
    exported: Exported, tmp_path: Path
) -> None:
    plan = PrecisionPlan(
        "mixed",
        "cpu",
        {
            "frame_encoder": SubmodulePlan("int8", ("head",), "fp16"),
            "query_head": SubmodulePlan("int8", ("attention", "temporal")),
            "item_head": SubmodulePlan("fp16", held_precision="fp16"),
        },
    )
    manifest = make_bundle(exported.bundle, plan, exported.samples, tmp_path / "mixed")
    assert manifest.precision == "mixed-cpu"
    assert {name: part.file for name, part in manifest.submodules.items()} == {
        "frame_encoder": "onnx/frame_encoder.int8.onnx",
        "text_encoder": "onnx/text_encoder.fp32.onnx",
        "query_head": "onnx/query_head.int8.onnx",
        "item_head": "onnx/item_head.fp16.onnx",
        "reranker": "onnx/reranker.fp32.onnx",
    }
    assert manifest.parity["text_encoder"][0]["largest"] == 0.0
    model = onnx.load(str(tmp_path / "mixed" / "onnx" / "query_head.int8.onnx"))
    restored = {n.output[0] for n in model.graph.node if n.op_type == "DequantizeLinear"}
    coarse = {n.name for n in model.graph.node if n.op_type == "MatMul" and n.input[1] in restored}
    assert coarse == {"/linear/MatMul", "/linear_1/MatMul", "/words/MatMul", "/node/MatMul"}


@pytest.fixture(scope="module")
def for_gpus(exported: Exported, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("gpu") / "int8"
    plan = named_plan("int8", "tiny", "tensorrt")
    make_bundle(exported.bundle, plan, exported.samples, out)
    return out


def test_graphs_for_tensorrt_come_beside_what_a_processor_runs(
    exported: Exported, for_gpus: Path
) -> None:
    before, manifest = exported.manifest, open_bundle(for_gpus).manifest
    assert (manifest.precision, manifest.submodules) == ("fp32", before.submodules)
    assert {n: manifest.files[n] for n in before.files} == before.files
    assert {n: part.file for n, part in manifest.tensorrt.items()} == {
        "frame_encoder": "tensorrt/frame_encoder.int8.onnx",
        **{n: f"tensorrt/{n}.fp16.onnx" for n in SUBMODULES if n != "frame_encoder"},
    }
    assert manifest.provenance["tensorrt"]["plan"]["target"] == "tensorrt"
    assert all(manifest.parity[name] == before.parity[name] for name in SUBMODULES)
    assert all(
        one["mean_cosine"] > 0.98
        for name in SUBMODULES
        for one in manifest.parity[f"tensorrt/{name}"]
    )
    with Network.open(for_gpus) as network, Network.open(exported.bundle) as exact:
        said = exported.samples.texts[:1]
        assert np.array_equal(network.encode_texts(said).pooled, exact.encode_texts(said).pooled)


def test_a_simulated_bundle_answers_as_the_gpu_would(
    exported: Exported, for_gpus: Path, tmp_path: Path
) -> None:
    manifest = simulate_bundle(for_gpus, tmp_path / "simulated")
    assert manifest.precision == "tensorrt-simulated"
    judged = open_bundle(for_gpus)
    graphs = {name: judged.folder / part.file for name, part in judged.manifest.tensorrt.items()}
    origin = manifest.provenance["simulated"]
    assert origin["digest"] == judged.digest
    assert origin["submodules"] == {name: file.stat().st_size for name, file in graphs.items()}
    assert origin["total"] > sum(origin["submodules"].values())
    assert not manifest.tensorrt
    size = exported.manifest.preprocessing.size
    picture = frame_input(exported.samples.pictures[0], size)[None]
    with Network.open(exported.bundle) as exact, Network.open(tmp_path / "simulated") as rounded:
        want, got = (n.encode_frames(picture, [0.0])[0].cls for n in (exact, rounded))
    cosine = float(want @ got / np.linalg.norm(want) / np.linalg.norm(got))
    assert 0.98 < cosine < 0.9999999, "it must have been rounded"


def test_only_graphs_for_tensorrt_can_be_simulated(exported: Exported, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no graphs for TensorRT"):
        simulate_bundle(exported.bundle, tmp_path / "simulated")
    assert list(tmp_path.iterdir()) == []


def test_plain_fp32_stays_what_it_is(exported: Exported, tmp_path: Path) -> None:
    plan = named_plan("fp32", "tiny")
    manifest = make_bundle(exported.bundle, plan, exported.samples, tmp_path / "out")
    assert manifest.precision == "fp32"
    assert all(one["largest"] == 0 for found in manifest.parity.values() for one in found)


def _arguments(exported: Exported, out: Path, feed: Path | None = None) -> list[str]:
    return [str(exported.bundle), "--feed", str(feed or exported.feed), "--out", str(out)]


def test_the_command_reports_cosines(exported: Exported, tmp_path: Path) -> None:
    out = tmp_path / "int8"
    photos = ["--pictures", str(exported.root / "dev" / "images" / "train"), "--count", "6"]
    arguments = [*_arguments(exported, out), *photos, "--json"]
    answer = CliRunner().invoke(command, arguments, catch_exceptions=False)
    said = json.loads(answer.stdout)
    assert set(said) == keys("quantize")
    assert said["bundle"] == str(out)
    sizes = [p.stat().st_size for p in (*out.glob("onnx/*"), out / "tokenizer.json")]
    assert said["size_bytes"] == sum(sizes)
    assert sum(len(outputs) for outputs in said["parity"].values()) == 11
    drawn = open_bundle(out).manifest.provenance["precision"]["samples"]
    assert drawn["pictures"] + drawn["shop_images"] == 6


def test_the_command_makes_graphs_of_a_plan_in_a_file(exported: Exported, tmp_path: Path) -> None:
    plan, out = tmp_path / "plan.toml", tmp_path / "out"
    plan.write_text(
        'name = "mine"\ntarget = "tensorrt"\n[submodules.frame_encoder]\n'
        'precision = "int8"\nheld = ["head"]\nheld_precision = "fp16"\n'
    )
    arguments = [*_arguments(exported, out), "--plan", str(plan), "--method", "percentile"]
    arguments += ["--count", "4", "--seed", "3", "--cache", str(tmp_path / "ranges"), "--json"]
    answer = CliRunner().invoke(command, arguments, catch_exceptions=False)
    said = json.loads(answer.stdout)
    assert said["plan"]["calibration"] == {"method": "percentile", "pictures": 4, "seed": 3}
    manifest = open_bundle(out).manifest
    assert manifest.tensorrt["frame_encoder"].precision == "int8"
    assert manifest.provenance["tensorrt"]["plan"] == said["plan"]
    assert len(list((tmp_path / "ranges").iterdir())) == 2


def test_the_command_says_what_was_lost(exported: Exported, tmp_path: Path) -> None:
    arguments = [*_arguments(exported, tmp_path / "out"), "--plan", "fp16", "--count", "4"]
    answer = CliRunner().invoke(command, arguments, catch_exceptions=False)
    assert "frame_encoder.cls" in answer.stderr
    assert "Wrote" in answer.stdout


def test_quantising_needs_no_torch(exported: Exported, tmp_path: Path) -> None:
    arguments = [*_arguments(exported, tmp_path / "out"), "--count", "4"]
    program = (
        "import sys\n"
        "sys.modules['torch'] = None\n"
        "from calibration.commands import quantize\n"
        f"quantize.main({arguments!r}, standalone_mode=False)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert open_bundle(tmp_path / "out").manifest.precision == "int8-cpu"


def test_an_existing_folder_and_a_damaged_bundle_are_refused(
    exported: Exported, tmp_path: Path
) -> None:
    plan = named_plan("int8", "tiny")
    with pytest.raises(StorageError, match="exists already"):
        make_bundle(exported.bundle, plan, exported.samples, tmp_path)
    with pytest.raises(BundleError):
        make_bundle(tmp_path, plan, exported.samples, tmp_path / "int8")
    assert list(tmp_path.iterdir()) == []


def test_what_was_stored_of_the_source_does_not_come_along(
    exported: Exported, tmp_path: Path
) -> None:
    """A self-test holds the outputs of the network that was, a date says when that was made."""
    test = SelfTestSource(exported.feed)
    source = tmp_path / "source"
    assert create_bundle(exported.bundle, source, created_s=0, self_test=test).self_test
    plan = named_plan("int8", "tiny")
    made = make_bundle(source, plan, exported.samples, tmp_path / "int8")
    assert (made.self_test, made.created_at) == (None, None)
    assert "self_test.npz" not in made.files
