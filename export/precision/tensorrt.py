"""Target ``tensorrt``: the precision is in the graph, for strongly typed networks and for 8.6.

INT8 is symmetric, weights per channel, as Q/DQ pairs on both inputs of convolutions and products
with stored weights, and on the shortcut of a residual sum behind a convolution. Biases, Softmax,
LayerNorm and unit lengths have none. Weights stay FP32 in front of their Q, which every TensorRT
from 8 on reads; engines hold what comes out. Source: NVIDIA, TensorRT documentation, "Explicit
Quantization", placement recommendations.
"""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import Any

import numpy as np

from export.precision.blocks import names_of
from export.precision.correction import Means, correct_biases
from export.precision.graph import array, load, weighted, weights
from export.precision.half import original, to_half
from export.precision.plan import SubmodulePlan
from export.precision.ranges import Ranges
from export.precision.rounding import LEVELS, scales, weight_axis

LEAST = 1e-6
"""Reach of a tensor that is always zero; scales must be positive."""


def for_tensorrt(source: Path, plan: SubmodulePlan, ranges: Ranges, means: Means) -> Any:
    """One submodule in the precision of a plan, as an `onnx.ModelProto`.

    Args:
        source: the FP32 file.
        plan: its precision.
        ranges: of its activations, where the plan has INT8.
        means: of its products' input channels, likewise.
    """
    model = load(source)
    names = names_of(model)
    products = {n.name for n in weighted(model) if plan.of(names[n.name]) == "int8"}
    correct_biases(model, products, means, reduce_range=False)
    shortcuts = _shortcuts(model, products)
    half = {node for node, block in names.items() if _besides_products(plan, block) == "fp16"}
    to_half(model, half - products - set(shortcuts))
    _add_pairs(model, products, shortcuts, ranges)
    return model


def _besides_products(plan: SubmodulePlan, block: str) -> str:
    precision = plan.of(block)
    return plan.held_precision if precision == "int8" else precision


def _shortcuts(model: Any, products: Collection[str]) -> dict[str, int]:
    """Residual sums right behind an INT8 convolution: which of their inputs is the shortcut.

    The convolution then adds it in INT8; its own result must not be rounded before the sum.
    """
    behind = {n.output[0] for n in model.graph.node if n.op_type == "Conv" and n.name in products}
    constants = {n.output[0] for n in model.graph.node if n.op_type == "Constant"}
    constants |= set(weights(model))
    found = {}
    for node in model.graph.node:
        if node.op_type == "Add" and not constants & set(node.input):
            inner = [name in behind for name in node.input]
            if any(inner):
                found[node.name] = inner.index(False) if False in inner else 0
    return found


def _add_pairs(
    model: Any, products: Collection[str], shortcuts: dict[str, int], ranges: Ranges
) -> None:
    """Q/DQ pairs in front of products and on shortcuts; each serves one consumer."""
    known = {name: array(weight) for name, weight in weights(model).items()}
    made: list[Any] = []

    def pair(node: Any, place: int, scale: Any, axis: int | None = None) -> None:
        added, node.input[place] = _pair(model, node, place, scale, axis)
        made.extend(added)

    for node in model.graph.node:
        if node.name in products:
            weight = known[node.input[1]]
            pair(node, 0, _scale(ranges[original(node.input[0])]))
            pair(node, 1, scales(node, weight, reduce_range=False), weight_axis(node, weight))
        elif node.name in shortcuts:
            place = shortcuts[node.name]
            pair(node, place, _scale(ranges[original(node.input[place])]))
        made.append(node)
    del model.graph.node[:]
    model.graph.node.extend(made)


def _pair(model: Any, node: Any, place: int, scale: Any, axis: int | None) -> tuple[list[Any], str]:
    """The two nodes in front of one input, and the name of what comes out.

    Zero points are stated although they are zero: the parser of TensorRT 8.6 wants them.
    """
    from onnx import helper, numpy_helper

    source, stem = node.input[place], f"{node.name}/input{place}"
    points = np.zeros(scale.shape, np.int8)
    model.graph.initializer.extend(
        [
            numpy_helper.from_array(scale, stem + "_scale"),
            numpy_helper.from_array(points, stem + "_zero"),
        ]
    )
    rest = [stem + "_scale", stem + "_zero"]
    along: dict[str, Any] = {} if axis is None else {"axis": axis}
    rounded, restored = stem + "_int8", stem + "_restored"
    return [
        helper.make_node("QuantizeLinear", [source, *rest], [rounded], stem + "/Q", **along),
        helper.make_node("DequantizeLinear", [rounded, *rest], [restored], stem + "/DQ", **along),
    ], restored


def _scale(limits: tuple[float, float]) -> Any:
    return np.array(max(abs(limits[0]), abs(limits[1]), LEAST) / LEVELS, np.float32)
