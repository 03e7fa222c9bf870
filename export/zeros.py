"""What is multiplied by nothing but zeros leaves a graph.

Blocks whose last layer starts with zeros pass their input on until they are trained; in a network
that did without them they would still be computed.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from export.shapes import Shape, inferred, shapes_of, tidied


def fold_zeros(model: Any) -> Any:
    """Remove sums with products of weights that are all zero, and what computed those alone.

    For finite numbers the graph answers the same.

    Args:
        model: an `onnx.ModelProto`.

    Returns:
        Another one, with shapes inferred.
    """
    folded = inferred(model)
    graph = folded.graph
    shapes = shapes_of(graph)
    shapes |= {weight.name: tuple(weight.dims) for weight in graph.initializer}
    outputs = {value.name for value in graph.output}
    zeros = {weight.name for weight in graph.initializer if _is_zero(weight)}
    nothing: set[str] = set()
    same: dict[str, str] = {}
    for node in graph.node:
        for place, name in enumerate(node.input):
            node.input[place] = same.get(name, name)
        given, result = set(node.input), node.output[0]
        if node.op_type == "Identity" and given <= zeros:
            zeros.add(result)  # the exporter writes equal weights once
        elif node.op_type == "MatMul" and given & zeros:
            nothing.add(result)
        elif node.op_type == "Add" and given & nothing:
            others = given - nothing
            if others <= zeros:
                nothing.add(result)
            elif result not in outputs:
                (other,) = others
                if _are_same(shapes.get(other), shapes.get(result)):
                    same[result] = other
    return tidied(folded)


def _are_same(one: Shape | None, other: Shape | None) -> bool:
    return one is not None and one == other and None not in one


def _is_zero(weight: Any) -> bool:
    from onnx import TensorProto, numpy_helper

    return weight.data_type == TensorProto.FLOAT and not np.any(numpy_helper.to_array(weight))
