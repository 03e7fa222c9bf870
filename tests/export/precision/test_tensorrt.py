"""Graphs for TensorRT: where Q/DQ pairs and casts stand, and what such a graph computes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from export.compare import compare_all
from export.precision.correction import Means, find_means
from export.precision.graph import load, weighted
from export.precision.inference import session
from export.precision.plan import SubmodulePlan
from export.precision.ranges import Ranges, find_ranges
from export.precision.rehearsal import Feed
from export.precision.simulation import simulated
from export.precision.tensorrt import for_tensorrt
from tests.export.precision.quiet import silent
from tests.export.precision.small_nets import pictures, sequences, small_lite, small_transformer

Source = tuple[Path, Ranges, list[Feed], Means]
PLANS = {
    "int8": SubmodulePlan("int8"),
    "int8, rest fp16": SubmodulePlan("int8", (), "fp16"),
    "int8, one held": SubmodulePlan("int8", ("blocks.0", "layers.0"), "fp16"),
    "fp16": SubmodulePlan("fp16", (), "fp16"),
    "fp16, one held": SubmodulePlan("fp16", ("blocks.1", "layers.1")),
}
EXACT = {"LayerNormalization", "Softmax", "ReduceMean", "ReduceSum", "Pow", "Sqrt", "Exp"}


@pytest.fixture(scope="module")
def sources(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Source]:
    folder = tmp_path_factory.mktemp("nets")
    made = {"lite": (small_lite, pictures), "transformer": (small_transformer, sequences)}
    found: dict[str, Source] = {}
    for name, (write, feeds) in made.items():
        file = write(folder)
        ranges = find_ranges(file, feeds(), "minmax", silent)
        found[name] = file, ranges, feeds(4, seed=5), find_means(file, feeds(), silent)
    return found


@pytest.fixture(params=["lite", "transformer"])
def source(request: pytest.FixtureRequest, sources: dict[str, Source]) -> Source:
    return sources[request.param]


def _made(source: Source, plan: SubmodulePlan) -> Any:
    return for_tensorrt(source[0], plan, source[1], source[3])


def _types(model: Any) -> dict[str, int]:
    graph = onnx.shape_inference.infer_shapes(model, strict_mode=True).graph
    values = [*graph.value_info, *graph.input, *graph.output]
    found = {v.name: v.type.tensor_type.elem_type for v in values}
    return {**found, **{w.name: w.data_type for w in graph.initializer}}


def _answers(source: Source, model: Any) -> list[tuple[Any, Any]]:
    exact, other = session(source[0]), session(simulated(model))
    return [(exact.run(None, feed)[0], other.run(None, feed)[0]) for feed in map(dict, source[2])]


@pytest.mark.parametrize("plan", PLANS.values(), ids=PLANS)
def test_every_graph_is_valid_and_old_enough_for_8_6(source: Source, plan: SubmodulePlan) -> None:
    model = _made(source, plan)
    onnx.checker.check_model(model, full_check=True)
    assert {o.domain: o.version for o in model.opset_import} == {"": 17}
    assert model.ir_version <= 8
    before = load(source[0])
    assert [*model.graph.input] == [*before.graph.input]
    assert [*model.graph.output] == [*before.graph.output]


@pytest.mark.parametrize("plan", PLANS.values(), ids=PLANS)
def test_every_graph_answers_alike(source: Source, plan: SubmodulePlan) -> None:
    result = compare_all("y", _answers(source, _made(source, plan)))
    assert result.cosine > (0.99 if plan.precision == "int8" else 0.99999)
    assert result.largest > 1e-7, "something must have been rounded"


def test_fp32_is_the_source(source: Source) -> None:
    assert _made(source, SubmodulePlan()) == load(source[0])


def test_pairs_are_symmetric_and_serve_one_consumer(source: Source) -> None:
    model = _made(source, PLANS["int8, rest fp16"])
    known, types = {w.name: w for w in model.graph.initializer}, _types(model)
    users: dict[str, list[Any]] = {}
    for node in model.graph.node:
        for name in node.input:
            users.setdefault(name, []).append(node)
    pairs = [n for n in model.graph.node if n.op_type == "QuantizeLinear"]
    assert pairs
    for node in pairs:
        scale, zero = (numpy_helper.to_array(known[name]) for name in node.input[1:])
        assert zero.dtype == np.int8
        assert not zero.any()
        assert scale.dtype == np.float32
        assert scale.shape == zero.shape
        assert (scale > 0).all()
        assert types[node.input[0]] == TensorProto.FLOAT
        (restore,) = users[node.output[0]]
        assert restore.op_type == "DequantizeLinear"
        assert list(restore.input[1:]) == list(node.input[1:])
        (user,) = users[restore.output[0]]
        place = list(user.input).index(restore.output[0])
        assert user.op_type == "Add" or (user.op_type in ("Conv", "MatMul", "Gemm") and place < 2)


def test_both_inputs_of_every_product_and_no_bias(source: Source) -> None:
    model = _made(source, PLANS["int8"])
    restored = {n.output[0] for n in model.graph.node if n.op_type == "DequantizeLinear"}
    names = {node.name for node in weighted(load(source[0]))}
    products = [node for node in model.graph.node if node.name in names]
    assert len(products) == len(names)
    for node in products:
        assert set(node.input[:2]) <= restored
        assert not set(node.input[2:]) & restored


def test_weights_have_a_scale_for_each_output_channel(source: Source) -> None:
    before = {n.name: n for n in load(source[0]).graph.node}
    weights = {w.name: numpy_helper.to_array(w) for w in load(source[0]).graph.initializer}
    model = _made(source, PLANS["int8"])
    known = {w.name: numpy_helper.to_array(w) for w in model.graph.initializer}
    for node in model.graph.node:
        if node.op_type == "QuantizeLinear" and node.input[0] in weights:
            product = before[node.name.removesuffix("/input1/Q")]
            weight, scale = weights[node.input[0]], known[node.input[1]]
            axis = next(a.i for a in node.attribute if a.name == "axis")
            assert axis == (0 if product.op_type == "Conv" else 1)
            others = tuple(i for i in range(weight.ndim) if i != axis)
            assert np.allclose(scale, np.abs(weight).max(others) / 127, rtol=1e-6)


def test_shortcuts_are_int8_and_sums_are_not_rounded_first(sources: dict[str, Source]) -> None:
    """TensorRT adds the shortcut while it still holds the convolution's sum."""
    model = _made(sources["lite"], PLANS["int8"])
    produced = {name: node for node in model.graph.node for name in node.output}
    sums = [n for n in model.graph.node if n.op_type == "Add" and n.name.startswith("/blocks")]
    assert len(sums) == 2
    for node in sums:
        kinds = sorted(produced[name].op_type for name in node.input)
        assert kinds == ["Conv", "DequantizeLinear"]


@pytest.mark.parametrize("plan", ["fp16", "int8, rest fp16"])
def test_what_is_delicate_is_fp32(source: Source, plan: str) -> None:
    model = _made(source, PLANS[plan])
    types = _types(model)
    for node in model.graph.node:
        kinds = {types[name] for name in (*node.input, *node.output) if name}
        if node.op_type in EXACT:
            assert TensorProto.FLOAT16 not in kinds, node.name
    squares = [n for n in model.graph.node if n.op_type == "Mul" and n.input[0] == n.input[1]]
    assert squares
    assert all(types[n.output[0]] == TensorProto.FLOAT for n in squares)


def test_products_are_fp16(source: Source) -> None:
    model = _made(source, PLANS["fp16"])
    types = _types(model)
    for node in model.graph.node:
        if node.op_type in ("Conv", "MatMul", "Gemm"):
            assert {types[name] for name in node.input} == {TensorProto.FLOAT16}
    wide = [w for w in model.graph.initializer if w.data_type == TensorProto.FLOAT]
    assert sum(np.prod(w.dims) for w in wide) < 300, "weights are stored in half"


def test_held_blocks_keep_their_precision(sources: dict[str, Source]) -> None:
    model = _made(sources["lite"], SubmodulePlan("int8", ("stem",), "fp16"))
    types = _types(model)
    (stem,) = (n for n in model.graph.node if n.op_type == "Conv" and "stem" in n.name)
    assert types[stem.output[0]] == TensorProto.FLOAT16
    model = _made(sources["lite"], SubmodulePlan("int8", ("stem",), "fp32"))
    (stem,) = (n for n in model.graph.node if n.op_type == "Conv" and "stem" in n.name)
    assert stem.input[1] in {w.name for w in model.graph.initializer}
    assert TensorProto.FLOAT16 not in _types(model).values()


def _graph(nodes: list[Any], constants: dict[str, Any], size: int = 2) -> Any:
    ports = [helper.make_tensor_value_info(n, TensorProto.FLOAT, [1, size]) for n in ("x", "y")]
    made = [numpy_helper.from_array(v, n) for n, v in constants.items()]
    graph = helper.make_graph(nodes, "g", ports[:1], ports[1:], made)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


def test_the_simulation_overflows_where_half_precision_does() -> None:
    """Left to itself, ONNX Runtime computes such a chain in FP32 and hides it."""
    nodes = [
        helper.make_node("Cast", ["x"], ["a"], "in", to=TensorProto.FLOAT16),
        helper.make_node("Mul", ["a", "large"], ["b"], "up"),
        helper.make_node("Mul", ["b", "small"], ["c"], "down"),
        helper.make_node("Cast", ["c"], ["y"], "out", to=TensorProto.FLOAT),
    ]
    model = _graph(nodes, {"large": np.float16(300), "small": np.float16(1 / 1024)})
    x = np.array([[3.0029, 400.0]], np.float32)
    (found,) = session(simulated(model)).run(None, {"x": x})
    with np.errstate(over="ignore"):
        want = x.astype(np.float16) * np.float16(300) * np.float16(1 / 1024)
    assert np.array_equal(found, want.astype(np.float32))
    assert np.isinf(found[0, 1])


@pytest.mark.parametrize("kind", ["MatMul", "Conv"])
def test_the_simulation_is_integer_arithmetic(kind: str) -> None:
    """Against sums of 8-bit products, where ONNX Runtime's fused kernels may saturate."""
    rng = np.random.default_rng(0)
    weight = rng.normal(size=(64, 8)).astype(np.float32)
    x = rng.normal(size=(1, 64)).astype(np.float32) * 4
    stored = weight if kind == "MatMul" else weight.T.reshape(8, 64, 1, 1)
    shape = [1, 64] if kind == "MatMul" else [1, 64, 1, 1]
    graph = helper.make_graph(
        [helper.make_node(kind, ["x", "w"], ["y"], "product")],
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)],
        [numpy_helper.from_array(stored, "w")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    from export.precision.tensorrt import _add_pairs

    _add_pairs(model, {"product"}, {}, {"x": (-4.0, 6.35)})
    (found,) = session(simulated(model)).run(None, {"x": x.reshape(shape)})
    step, steps = np.float32(6.35 / 127), (np.abs(weight).max(0) / 127).astype(np.float32)
    a = np.clip(np.rint(x / step), -128, 127).astype(np.int64)
    w = np.rint(weight / steps).astype(np.int64)
    assert np.allclose(found.reshape(1, 8), (a @ w) * step * steps, rtol=1e-5)
    assert (np.abs(x) > 6.35).any(), "saturation must have been tried"
