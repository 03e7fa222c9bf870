"""Weights stored in fewer bits."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from onnx import TensorProto, helper, numpy_helper

from export.compare import compare
from export.onnx_files import write_onnx
from export.precision.inference import session
from export.precision.stored import quantize_tables, store_half
from export.submodules import Part, Port, parts
from tests.export.conftest import Exported


def _table(rows: np.ndarray) -> onnx.ModelProto:
    """A graph that looks words up in a table and nothing else."""
    graph = helper.make_graph(
        [helper.make_node("Gather", ["words", "ids"], ["out"], name="/words/Gather", axis=0)],
        "table",
        [helper.make_tensor_value_info("ids", TensorProto.INT64, ["N"])],
        [helper.make_tensor_value_info("out", TensorProto.FLOAT, ["N", rows.shape[1]])],
        [numpy_helper.from_array(rows, "words")],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


@pytest.fixture
def rows() -> np.ndarray:
    """One row is zero, one huge."""
    rows = np.random.default_rng(0).normal(size=(300, 32)).astype(np.float32)
    rows[7], rows[8] = 0.0, rows[8] * 1000
    return rows


def test_word_tables_keep_every_row_within_half_a_step(rows: np.ndarray, tmp_path: Path) -> None:
    model, small = _table(rows), tmp_path / "small.onnx"
    quantize_tables(model)
    onnx.save(model, str(small))
    onnx.checker.check_model(str(small), full_check=True)
    (got,) = session(small).run(None, {"ids": np.arange(300)})
    step = np.abs(rows).max(1, keepdims=True) / 127
    assert (np.abs(rows - got) <= step * 0.501).all()
    assert not got[7].any()
    assert small.stat().st_size < rows.nbytes / 2


def test_a_table_that_is_held_stays(rows: np.ndarray) -> None:
    model = _table(rows)
    quantize_tables(model, exact={"/words/Gather"})
    assert model == _table(rows)


def test_half_weights_halve_the_file_and_round_once(tmp_path: Path) -> None:
    torch.manual_seed(0)
    head = torch.nn.Linear(256, 96)
    ports = (Port("x", "float32", ("N", 256)),), (Port("y", "float32", ("N", 96)),)
    source, half = write_onnx(Part("head", head, *ports), tmp_path), tmp_path / "half.onnx"
    model = onnx.load(str(source))
    store_half(model)
    onnx.save(model, str(half))
    weight = head.weight.detach().half()
    (stored,) = [w for w in model.graph.initializer if w.name.endswith("_half")]
    assert np.array_equal(numpy_helper.to_array(stored), weight.numpy())
    assert half.stat().st_size == pytest.approx(source.stat().st_size / 2, rel=0.03)
    x = np.random.default_rng(0).normal(size=(5, 256)).astype(np.float32)
    (answer,) = session(half).run(None, {"x": x})
    with torch.inference_mode():
        expected = torch.from_numpy(x) @ weight.float().T + head.bias
    assert np.allclose(answer, expected, atol=1e-5)


def test_held_weights_stay_in_fp32(tmp_path: Path) -> None:
    two = torch.nn.Sequential(torch.nn.Linear(128, 128), torch.nn.Linear(128, 64))
    ports = (Port("x", "float32", ("N", 128)),), (Port("y", "float32", ("N", 64)),)
    model = onnx.load(str(write_onnx(Part("head", two, *ports), tmp_path)))
    first = next(node.name for node in model.graph.node if node.op_type == "Gemm")
    store_half(model, exact={first})
    kinds = {w.name: w.data_type for w in model.graph.initializer if len(w.dims) == 2}
    assert kinds == {"0.weight": TensorProto.FLOAT, "1.weight_half": TensorProto.FLOAT16}


@pytest.mark.parametrize("name", ["query_head", "item_head", "reranker"])
def test_half_weights_answer_within_rounding(exported: Exported, tmp_path: Path, name: str) -> None:
    source, half = exported.bundle / "onnx" / f"{name}.fp32.onnx", tmp_path / "half.onnx"
    model = onnx.load(str(source))
    store_half(model)
    onnx.save(model, str(half))
    onnx.checker.check_model(str(half), full_check=True)
    part = next(p for p in parts(exported.network) if p.name == name)
    generator = torch.Generator().manual_seed(0)
    feeds = {port.name: port.example({"N": 3}, generator).numpy() for port in part.inputs}
    for want, got in zip(
        session(source).run(None, feeds), session(half).run(None, feeds), strict=True
    ):
        result = compare(name, want, got)
        assert result.largest < 5e-3, result
        assert result.cosine > 0.9999, result
