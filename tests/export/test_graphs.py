"""Exported graphs hold nothing that TensorRT, INT8 or FP16 stumble over."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch
from onnx import numpy_helper

from export.onnx_files import write_onnx
from export.submodules import parts
from models.config import B32, LITE, NetworkConfig
from models.sgmn import Sgmn
from runtime.bundle.manifest import SUBMODULES
from tests.export.conftest import Exported
from tests.models.small_clip import SMALL, shrink_b32
from tests.models.tiny_network import stirred

AWKWARD = {
    # loops and choices, per caption or per batch
    "If",
    "Loop",
    "Scan",
    # the end of a text by position, and indices made of it
    "ArgMax",
    "GatherND",
    "ScatterND",
    "ScatterElements",
    "NonZero",
    "Where",
    # position numbers, repeated tokens, masks built in the graph
    "Range",
    "Tile",
    "Expand",
    "EyeLike",
    "Trilu",
    # distances and unit lengths without a floor, and what has no kernel
    "CDist",
    "ReduceL2",
    "LpNormalization",
    "Einsum",
    "Det",
    # chance
    "Dropout",
    "RandomNormal",
    "RandomUniform",
}
LARGEST = 65504.0
"""In half precision; a mask of minus infinity makes NaN of a row that is masked whole."""

LETTERS = {"N", "L"}


def check(file: Path) -> None:
    """Everything that must hold for one exported file."""
    assert file.stat().st_size < 1 << 31
    onnx.checker.check_model(str(file), full_check=True)
    model = onnx.load(str(file), load_external_data=False)
    assert {o.domain: o.version for o in model.opset_import} == {"": 17}
    assert model.ir_version <= 8
    used = {node.op_type for node in model.graph.node}
    assert not used & AWKWARD, used & AWKWARD
    known = _constants(model)
    for name, values in known.items():
        if values.dtype == np.float32:
            assert np.isfinite(values).all(), name
            assert np.abs(values).max(initial=0.0) <= LARGEST, name
    for node in model.graph.node:
        if node.op_type == "TopK":
            assert node.input[1] in known, "K is fixed at export"
        if node.op_type == "Reshape":
            assert node.input[1] in known, f"{node.name} computes sizes"
    _check_shapes(model)
    _check_pictures(model)


def _check_shapes(model: Any) -> None:
    """Type and rank of every tensor stand in the file; sizes vary where the contract says so."""
    values = {v.name: v for v in [*model.graph.value_info, *model.graph.output]}
    for node in model.graph.node:
        for name in node.output:
            assert name in values, f"{name} of {node.name} has no shape"
            assert values[name].type.tensor_type.HasField("shape")
    for port in (*model.graph.input, *model.graph.output):
        letters = {d.dim_param for d in port.type.tensor_type.shape.dim if d.dim_param}
        assert letters <= LETTERS, port.name


def _check_pictures(model: Any) -> None:
    """TensorRT takes uint8 as input alone: nothing but a cast may read it, none may make it."""
    values = (*model.graph.value_info, *model.graph.input, *model.graph.output)
    uint8 = {v.name for v in values if v.type.tensor_type.elem_type == onnx.TensorProto.UINT8}
    for node in model.graph.node:
        assert not uint8 & set(node.output), node.name
        assert node.op_type == "Cast" or not uint8 & set(node.input), node.name


def _constants(model: Any) -> dict[str, Any]:
    found = {w.name: numpy_helper.to_array(w) for w in model.graph.initializer}
    for node in model.graph.node:
        if node.op_type == "Constant":
            found[node.output[0]] = numpy_helper.to_array(node.attribute[0].t)
    return found


@pytest.mark.parametrize("name", SUBMODULES)
def test_tiny(exported: Exported, name: str) -> None:
    check(exported.bundle / "onnx" / f"{name}.fp32.onnx")


def _check_all(config: NetworkConfig, folder: Path) -> None:
    torch.manual_seed(0)
    for part in parts(stirred(Sgmn(config)).eval()):
        check(write_onnx(part, folder))


def test_b32_scaled_down(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shrink_b32(monkeypatch)
    _check_all(SMALL, tmp_path)


@pytest.mark.slow
def test_lite(tmp_path: Path) -> None:
    _check_all(LITE, tmp_path)


@pytest.mark.slow
def test_b32(tmp_path: Path) -> None:
    _check_all(B32, tmp_path)
