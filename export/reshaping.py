"""A reshape that keeps the batch says so, instead of computing its size.

The tracing exporter takes sizes that vary from shapes at run time: several nodes in front of every
reshape, and unknown sizes behind it. ONNX has a number for a size that stays, 0, and one for the
size that follows from all others, -1.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from export.shapes import Shape, inferred, shapes_of, tidied

Sizes = npt.NDArray[np.object_]
"""Whole numbers, names of sizes that vary, and None for what is computed from those."""

STAYS, FOLLOWS = 0, -1


def state_targets(model: Any) -> Any:
    """Give reshapes targets that are numbers, wherever at most one size is neither fixed nor kept.

    Args:
        model: an `onnx.ModelProto`.

    Returns:
        Another one, with shapes inferred.
    """
    import onnx

    stated = inferred(model)
    graph = stated.graph
    shapes = shapes_of(graph)
    stored = _stored(graph)
    sizes = _computed_sizes(graph, shapes, stored)
    sizes = {name: found for name, found in sizes.items() if name not in stored}
    for node in graph.node:
        if node.op_type != "Reshape" or node.input[1] not in sizes:
            continue  # not computed, or in no way that is understood
        target = _target(sizes[node.input[1]], shapes.get(node.input[0], ()))
        if target is not None:
            name = node.output[0] + "_target"
            graph.initializer.append(onnx.numpy_helper.from_array(target, name))
            node.input[1] = name
    return tidied(stated)


def _target(wanted: Sizes, given: Sequence[Any]) -> npt.NDArray[np.int64] | None:
    """The sizes asked for as numbers; None where two or more would have to follow from others."""
    kept = [
        STAYS if isinstance(size, str) and place < len(given) and given[place] == size else size
        for place, size in enumerate(wanted)
    ]
    numbers = [size if isinstance(size, int) else FOLLOWS for size in kept]
    return np.array(numbers, np.int64) if numbers.count(FOLLOWS) <= 1 else None


def _stored(graph: Any) -> dict[str, Sizes]:
    """Whole numbers that stand in the graph, by their names."""
    from onnx import numpy_helper

    found = {w.name: numpy_helper.to_array(w) for w in graph.initializer}
    for node in graph.node:
        if node.op_type == "Constant" and node.attribute[0].name == "value":
            found[node.output[0]] = numpy_helper.to_array(node.attribute[0].t)
    return {name: v.astype(object) for name, v in found.items() if v.dtype == np.int64}


def _computed_sizes(
    graph: Any, shapes: dict[str, Shape], stored: dict[str, Sizes]
) -> dict[str, Sizes]:
    """What tensors of sizes hold, by their names, with those that are stored."""
    known = dict(stored)
    for node in graph.node:
        if node.op_type == "Shape" and not node.attribute and node.input[0] in shapes:
            known[node.output[0]] = np.array(shapes[node.input[0]], object)
        elif node.op_type in _RULES and all(name in known for name in node.input):
            given = [known[name] for name in node.input]
            known[node.output[0]] = np.asarray(_RULES[node.op_type](*given), object)
    return known


_RULES: dict[str, Callable[..., Any]] = {
    "Concat": lambda *parts: np.concatenate(parts),
    "Gather": lambda data, places: data[np.asarray(places, np.int64)],
    "Mul": lambda one, other: np.full(np.broadcast_shapes(one.shape, other.shape), None),
    "Slice": lambda data, start, end, axis=None, step=(1,): data[start[0] : end[0] : step[0]],
    "Unsqueeze": lambda data, axes: np.expand_dims(data, tuple(axes)),
}
"""How nodes make sizes of sizes, which are numbers or lists of them; all others' are unknown."""
