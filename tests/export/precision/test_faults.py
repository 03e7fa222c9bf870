"""Damaged sources, full disks, kills: a clear error and nothing half-written."""

from __future__ import annotations

import errno
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import numpy_helper

from export.precision.maker import make_bundle
from export.precision.plan import PrecisionPlan, SubmodulePlan
from export.precision.presets import named_plan
from runtime.bundle.reader import open_bundle
from runtime.bundle.writer import seal
from runtime.errors import BundleError, ExportError, StorageError, UsageError
from tests.export.conftest import Exported
from tests.export.precision import killed_quantize
from tests.export.precision.faulty_disk import watched

PLAN = named_plan("int8", "tiny")


def _copy(exported: Exported, folder: Path) -> Path:
    return Path(shutil.copytree(exported.bundle, folder / "copy"))


@pytest.mark.parametrize("name", ["frame_encoder", "reranker"])
def test_a_changed_weight_is_found(exported: Exported, tmp_path: Path, name: str) -> None:
    """One bit of one weight; the file is as long as before and still loads."""
    bundle = _copy(exported, tmp_path)
    file = bundle / "onnx" / f"{name}.fp32.onnx"
    model = onnx.load(str(file))
    weight = max(model.graph.initializer, key=lambda w: len(w.raw_data))
    data = bytearray(file.read_bytes())
    data[data.find(weight.raw_data[:16]) + 1] ^= 1
    file.write_bytes(bytes(data))
    onnx.load(str(file))
    with pytest.raises(BundleError, match="damaged") as caught:
        make_bundle(bundle, PLAN, exported.samples, tmp_path / "out")
    assert file.name in caught.value.why
    assert [p.name for p in tmp_path.iterdir()] == ["copy"]


@pytest.mark.parametrize("part", [0.0, 0.5, 0.99])
def test_a_truncated_file_is_found(exported: Exported, tmp_path: Path, part: float) -> None:
    bundle = _copy(exported, tmp_path)
    file = bundle / "onnx" / "text_encoder.fp32.onnx"
    file.write_bytes(file.read_bytes()[: int(file.stat().st_size * part)])
    with pytest.raises(BundleError, match="damaged"):
        make_bundle(bundle, PLAN, exported.samples, tmp_path / "out")
    assert [p.name for p in tmp_path.iterdir()] == ["copy"]


def test_a_quantised_bundle_is_no_source(exported: Exported, tmp_path: Path) -> None:
    make_bundle(exported.bundle, PLAN, exported.samples, tmp_path / "int8")
    with pytest.raises(ExportError, match="is not FP32") as caught:
        make_bundle(tmp_path / "int8", PLAN, exported.samples, tmp_path / "again")
    assert "sgmn export" in caught.value.fix
    assert [p.name for p in tmp_path.iterdir()] == ["int8"]


def test_a_block_that_there_is_not_is_named(exported: Exported, tmp_path: Path) -> None:
    held = SubmodulePlan("int8", ("trunk", "blocks.99"))
    plan = PrecisionPlan("mine", "cpu", {"frame_encoder": held})
    with pytest.raises(UsageError, match=r"no block of frame_encoder: blocks\.99") as caught:
        make_bundle(exported.bundle, plan, exported.samples, tmp_path / "out")
    assert "trunk" in caught.value.why
    assert list(tmp_path.iterdir()) == []


def test_an_answer_that_is_no_number_is_refused(exported: Exported, tmp_path: Path) -> None:
    """Activations beyond what half precision holds, which FP32 bears."""
    bundle = _copy(exported, tmp_path)
    file = bundle / "onnx" / "frame_encoder.fp32.onnx"
    model = onnx.load(str(file))
    for weight in model.graph.initializer:
        if weight.name.startswith("trunk") and len(weight.dims) == 4:
            large = numpy_helper.to_array(weight) * np.float32(3000.0)
            weight.CopyFrom(numpy_helper.from_array(large, weight.name))
    onnx.save(model, str(file))
    manifest = open_bundle(exported.bundle).manifest
    seal(bundle, manifest)
    rounded = SubmodulePlan("fp16", held_precision="fp16")
    half = PrecisionPlan("half", "tensorrt", {"frame_encoder": rounded})
    with pytest.raises(ExportError, match=r"frame_encoder.* NaN or infinity") as caught:
        make_bundle(bundle, half, exported.samples, tmp_path / "out")
    assert "fp32" in caught.value.fix
    assert [p.name for p in tmp_path.iterdir()] == ["copy"]
    held = SubmodulePlan("fp16", ("trunk", "rest", "head"))
    saved = half.with_submodule("held", "frame_encoder", held)
    assert make_bundle(bundle, saved, exported.samples, tmp_path / "out").tensorrt


@pytest.mark.parametrize("fault", [errno.ENOSPC, errno.EROFS, errno.EACCES])
def test_no_write_that_fails_leaves_anything(
    exported: Exported, tmp_path: Path, fault: int
) -> None:
    out = tmp_path / "place" / "out"
    with watched(tmp_path / "place") as writes:
        make_bundle(exported.bundle, PLAN, exported.samples, out)
    shutil.rmtree(out)
    assert len(writes) >= 8

    def full() -> None:
        raise OSError(fault, os.strerror(fault))

    for at in range(1, len(writes) + 1):
        with watched(tmp_path / "place", full, at), pytest.raises(StorageError) as caught:
            make_bundle(exported.bundle, PLAN, exported.samples, out)
        assert os.strerror(fault) in caught.value.why
        assert list((tmp_path / "place").iterdir()) == []


def _killed(exported: Exported, folder: Path, at: int) -> int:
    arguments = [exported.bundle, exported.feed, folder / "place" / "out", folder / "cache", at]
    command = [sys.executable, "-m", killed_quantize.__name__, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, check=False).returncode


@pytest.mark.parametrize("at", [1, 5, 8])
def test_after_a_kill_the_next_run_goes_on(
    exported: Exported, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, at: int
) -> None:
    place = tmp_path / "place"
    assert _killed(exported, tmp_path, at) == -signal.SIGKILL
    assert not (place / "out").exists()
    measured = list((tmp_path / "cache").glob("*.json")) if at > 4 else []
    if measured:
        monkeypatch.setattr("export.precision.maker.find_ranges", None)
        monkeypatch.setattr("export.precision.maker.find_means", None)
    again = killed_quantize.quantized(
        exported.bundle, exported.feed, place / "out", tmp_path / "cache"
    )
    assert open_bundle(place / "out").manifest == again
    undisturbed = killed_quantize.quantized(
        exported.bundle, exported.feed, tmp_path / "other" / "out", tmp_path / "cache"
    )
    assert {n: f.sha256 for n, f in again.files.items()} == {
        n: f.sha256 for n, f in undisturbed.files.items()
    }
