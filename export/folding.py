"""Sizes that are fixed stand in a graph as numbers.

The tracing exporter computes them from shapes at run time, even the K of a TopK, which TensorRT
takes as a constant alone.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from export.shapes import Shape, inferred, shapes_of, tidied

SIZES = frozenset(
    {"Add", "Cast", "Concat", "Constant", "Div", "Gather", "Identity", "Mul", "Reshape", "Slice"}
    | {"Squeeze", "Sub", "Unsqueeze"}
)
"""Operators that sizes are computed with."""


def fold_sizes(model: Any) -> Any:
    """Replace computations of fixed sizes by their results.

    Args:
        model: an `onnx.ModelProto`.

    Returns:
        Another one, with shapes inferred.
    """
    import onnx

    fixed = inferred(model)
    graph = fixed.graph
    shapes = shapes_of(graph)
    known = {w.name: onnx.numpy_helper.to_array(w) for w in graph.initializer}
    outputs = {value.name for value in graph.output}
    partly: dict[str, Shape] = {}
    folded: dict[str, Any] = {}
    kept = []
    for node in graph.node:
        if node.op_type == "Shape" and not node.attribute and node.input[0] in shapes:
            partly[node.output[0]] = shapes[node.input[0]]
        value = _size(fixed, node, known, partly)
        if value is None or node.output[0] in outputs:
            kept.append(node)
            continue
        known[node.output[0]] = value
        if node.op_type == "Constant":
            kept.append(node)
        else:
            folded[node.output[0]] = value
    del graph.node[:]
    graph.node.extend(kept)
    graph.initializer.extend(onnx.numpy_helper.from_array(v, n) for n, v in folded.items())
    return tidied(fixed)


def _size(model: Any, node: Any, known: dict[str, Any], partly: dict[str, Shape]) -> Any:
    """The whole numbers that a node gives; None where they vary or are none."""
    if node.op_type == "Shape" and node.output[0] in partly:
        dims = partly[node.output[0]]
        return np.array(dims, np.int64) if _are_numbers(dims) else None
    if node.op_type == "Gather" and node.input[0] in partly and node.input[1] in known:
        chosen = np.asarray(np.array(partly[node.input[0]], object)[known[node.input[1]]], object)
        return np.array(chosen, np.int64) if _are_numbers(np.ravel(chosen)) else None
    if node.op_type not in SIZES or not all(name in known for name in node.input if name):
        return None
    value = _evaluated(model, node, known)
    return value if value.dtype == np.int64 or node.op_type == "Constant" else None


def _are_numbers(sizes: Iterable[Any]) -> bool:
    return all(isinstance(size, int) for size in sizes)


def _evaluated(model: Any, node: Any, known: dict[str, Any]) -> Any:
    from onnx import helper, numpy_helper
    from onnx.reference import ReferenceEvaluator

    given = [numpy_helper.from_array(known[n], n) for n in dict.fromkeys(node.input) if n]
    result = helper.make_empty_tensor_value_info(node.output[0])
    graph = helper.make_graph([node], "size", [], [result], given)
    part = helper.make_model(graph, opset_imports=model.opset_import)
    (value,) = ReferenceEvaluator(part).run(None, {})
    return np.asarray(value)
