"""Weights stored in fewer bits than they are computed with."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import numpy as np

from export.precision.graph import array, weights

BIG = 4096
"""Elements from which on a weight is worth storing in fewer bits."""


def store_half(model: Any, exact: Collection[str] = ()) -> None:
    """Store weights in FP16 with a cast behind them, which the runtime folds away when it loads.

    Args:
        model: an `onnx.ModelProto`, changed.
        exact: names of nodes whose weights stay in FP32.
    """
    from onnx import TensorProto, helper, numpy_helper

    kept = {name for node in model.graph.node if node.name in exact for name in node.input}
    casts = []
    for weight in list(model.graph.initializer):
        values = array(weight)
        if values.dtype != np.float32 or values.size < BIG or weight.name in kept:
            continue
        half = numpy_helper.from_array(values.astype(np.float16), weight.name + "_half")
        casts.append(helper.make_node("Cast", [half.name], [weight.name], to=TensorProto.FLOAT))
        model.graph.initializer.remove(weight)
        model.graph.initializer.append(half)
    _insert_first(model, casts)


def quantize_tables(model: Any, exact: Collection[str] = ()) -> None:
    """Embedding tables to INT8 with one scale a row: gather first, then scale.

    Args:
        model: an `onnx.ModelProto`, changed.
        exact: names of nodes whose tables stay as they are.
    """
    known = weights(model)
    for node in list(model.graph.node):
        if node.op_type != "Gather" or node.name in exact or node.input[0] not in known:
            continue
        values = array(known[node.input[0]])
        if values.dtype == np.float32 and values.size >= BIG and values.ndim == 2:
            _quantize_table(model, node, known[node.input[0]])


def _quantize_table(model: Any, node: Any, weight: Any) -> None:
    from onnx import TensorProto, helper, numpy_helper

    values = array(weight)
    scales = np.maximum(np.abs(values).max(1, keepdims=True) / 127.0, 1e-12).astype(np.float32)
    table, row = weight.name + "_int8", weight.name + "_scale"
    rounded = np.clip(np.rint(values / scales), -127, 127).astype(np.int8)
    model.graph.initializer.remove(weight)
    model.graph.initializer.extend(
        [numpy_helper.from_array(rounded, table), numpy_helper.from_array(scales, row)]
    )
    ids, out = node.input[1], node.output[0]
    replacement = [
        helper.make_node("Gather", [table, ids], [out + "_int8"], axis=0),
        helper.make_node("Cast", [out + "_int8"], [out + "_float"], to=TensorProto.FLOAT),
        helper.make_node("Gather", [row, ids], [out + "_row"], axis=0),
        helper.make_node("Mul", [out + "_float", out + "_row"], [out]),
    ]
    place = list(model.graph.node).index(node)
    model.graph.node.remove(node)
    for offset, new in enumerate(replacement):
        model.graph.node.insert(place + offset, new)


def _insert_first(model: Any, nodes: list[Any]) -> None:
    for node in reversed(nodes):
        model.graph.node.insert(0, node)
