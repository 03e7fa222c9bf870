"""Which layers TensorRT 8.6 must keep exact, and what a graph asks of its products."""

from __future__ import annotations

from typing import Any

import pytest

from export.tensorrt.adapters.tensorrt8 import TensorRt8
from export.tensorrt.network_view import NetworkView
from tests.export.tensorrt.fake_builder import FakeBuilding, IBuilderConfig
from tests.export.tensorrt.fake_network import INetworkDefinition, fill
from tests.runtime.engines.fake_cuda import FakeCuda

INT8_CONVOLUTION = [
    ["CONSTANT", "w", [], ["w"]],
    ["CONSTANT", "b", [], ["b"]],
    ["QUANTIZE", "q", ["x"], ["xq"]],
    ["DEQUANTIZE", "dq", ["xq"], ["xd"]],
    ["QUANTIZE", "wq", ["w"], ["wq"]],
    ["DEQUANTIZE", "wdq", ["wq"], ["wd"]],
    ["SHUFFLE", "wide", ["wd"], ["ws"]],
    ["CONVOLUTION", "conv", ["xd", "ws"], ["c"]],
]


def _network(layers: list[Any], types: dict[str, str] | None = None) -> tuple[Any, Any]:
    module = FakeBuilding(FakeCuda(), "8.6.1")
    network = INetworkDefinition(module, 1)
    described = {"layers": layers, "types": types or {}, "inputs": {"x": [1]}, "outputs": {}}
    fill(network, described, module)
    return module, network


def _exact(layers: list[Any], types: dict[str, str] | None = None) -> list[str]:
    return [layer.name for layer in NetworkView(*_network(layers, types)).exact_layers()]


@pytest.mark.parametrize(
    ("more", "exact"),
    [
        ([["ACTIVATION", "relu", ["c"], ["y"]]], []),
        ([["ELEMENTWISE", "bias", ["c", "b"], ["y"]], ["ACTIVATION", "relu", ["y"], ["z"]]], []),
        # A sum of two computed tensors, and the squares of a norm, are no part of the product.
        ([["ELEMENTWISE", "sum", ["c", "x"], ["y"]]], ["sum"]),
        (
            [["ELEMENTWISE", "square", ["c", "c"], ["y"]], ["REDUCE", "mean", ["y"], ["z"]]],
            ["square", "mean"],
        ),
        ([["SOFTMAX", "softmax", ["c"], ["y"]]], ["softmax"]),
        ([["SHUFFLE", "shuffle", ["c"], ["y"]], ["UNARY", "root", ["y"], ["z"]]], ["root"]),
        ([["RESIZE", "resize", ["c"], ["y"]]], ["resize"]),
        ([["TOPK", "best", ["c"], ["y"]]], ["best"]),
    ],
    ids=[
        *("activation", "bias", "residual sum", "square", "softmax", "behind a reshape"),
        *("resize", "best"),
    ],
)
def test_only_what_belongs_to_an_int8_product_is_free(more: list[Any], exact: list[str]) -> None:
    assert _exact([*INT8_CONVOLUTION, *more]) == exact


def test_a_shortcut_with_a_pair_is_summed_within_the_convolution() -> None:
    shortcut = [
        ["QUANTIZE", "sq", ["x"], ["sq"]],
        ["DEQUANTIZE", "sdq", ["sq"], ["sd"]],
        ["ELEMENTWISE", "sum", ["c", "sd"], ["y"]],
    ]
    assert _exact([*INT8_CONVOLUTION, *shortcut]) == []


def test_half_layers_and_integers_are_left_alone() -> None:
    layers = [
        ["CAST", "cast", ["x"], ["h"]],
        ["MATRIX_MULTIPLY", "product", ["h", "h"], ["p"]],
        ["CAST", "back", ["p"], ["f"]],
        ["SOFTMAX", "softmax", ["f"], ["s"]],
        ["ELEMENTWISE", "shape", ["i", "i"], ["j"]],
        ["MATRIX_MULTIPLY", "exact", ["s", "s"], ["y"]],
    ]
    types = {"h": "HALF", "p": "HALF", "i": "INT32", "j": "INT32"}
    assert _exact(layers, types) == ["softmax", "exact"]
    assert NetworkView(*_network(layers, types)).products() == {"product": "fp16", "exact": "fp32"}


def test_products_are_int8_behind_a_pair_even_if_reshaped() -> None:
    layers = [
        *INT8_CONVOLUTION[:-1],
        ["SHUFFLE", "flat", ["xd"], ["xs"]],
        ["MATRIX_MULTIPLY", "product", ["xs", "ws"], ["y"]],
    ]
    assert NetworkView(*_network(layers)).products() == {"product": "int8"}


@pytest.mark.parametrize(
    ("layers", "types", "flags"),
    [
        ([["SOFTMAX", "softmax", ["x"], ["y"]]], {}, {"EXPLICIT_BATCH"}),
        (
            [["CAST", "cast", ["x"], ["h"]], ["SOFTMAX", "softmax", ["x"], ["y"]]],
            {"h": "HALF"},
            {"EXPLICIT_BATCH", "FP16", "OBEY_PRECISION_CONSTRAINTS"},
        ),
        (
            [*INT8_CONVOLUTION, ["SOFTMAX", "softmax", ["c"], ["y"]]],
            {},
            {"EXPLICIT_BATCH", "INT8", "OBEY_PRECISION_CONSTRAINTS"},
        ),
    ],
    ids=["fp32", "fp16", "int8"],
)
def test_release_8_is_allowed_what_the_graph_has_and_bound_elsewhere(
    layers: list[Any], types: dict[str, str], flags: set[str]
) -> None:
    module, network = _network(layers, types)
    config = IBuilderConfig(module)
    without = {"-CUBLAS", "-CUBLAS_LT", "-CUDNN"}
    assert set(TensorRt8().configure(module, network, config)) == flags | without
    assert config.on - {"TF32"} == flags - {"EXPLICIT_BATCH"}
    allowed = {source.name for source in module.TacticSource if config.tactics >> source & 1}
    assert allowed == {"EDGE_MASK_CONVOLUTIONS", "JIT_CONVOLUTIONS"}
    bound = {layer.name for layer in network.layers if layer.precision is not None}
    assert bound == ({"softmax"} if len(flags) > 1 else set())
    assert all(layer.precision in (None, module.DataType.FLOAT) for layer in network.layers)
