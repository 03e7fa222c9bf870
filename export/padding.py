"""Zeros in front of a convolution become part of it.

torch pads two sides alike, so that a network with padding on one side exports nodes of its own for
it. Between them and the convolution INT8 breaks off: each costs a way to FP32 and back.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from export.pruning import drop_unread, needed_nodes

_CHANNELS = 2
"""Axes of batch and channel, which a convolution does not pad."""


def fold_padding(model: Any) -> None:
    """Give every convolution the padding in front of it, and drop what only that needed."""
    users = _users(model)
    producers = {name: node for node in model.graph.node for name in node.output}
    for node in list(model.graph.node):
        pad = producers.get(node.input[0]) if node.op_type == "Conv" else None
        if pad is None or pad.op_type != "Pad" or users[pad.output[0]] != 1:
            continue
        sizes = _zeros_added(model, pad)
        if sizes is None:
            continue
        _widen(node, sizes)
        node.input[0] = pad.input[0]
        model.graph.node.remove(pad)
    drop_unread(model.graph)


def _zeros_added(model: Any, pad: Any) -> list[int] | None:
    """Sizes before and after every spatial axis; None where it is no such padding."""
    mode = next((a.s for a in pad.attribute if a.name == "mode"), b"constant")
    axes_named = len(pad.input) > 3 and pad.input[3]
    value = _constant(model, pad.input[2]) if len(pad.input) > 2 and pad.input[2] else np.zeros(1)
    sizes = _constant(model, pad.input[1])
    if mode != b"constant" or axes_named or sizes is None or value is None or value.any():
        return None
    before, after = np.split(sizes, 2)
    if (sizes < 0).any() or before[:_CHANNELS].any() or after[:_CHANNELS].any():
        return None
    return [*before[_CHANNELS:].tolist(), *after[_CHANNELS:].tolist()]


def _constant(model: Any, name: str) -> Any:
    """The value of a tensor that depends on no input; None for others."""
    from onnx import helper
    from onnx.reference import ReferenceEvaluator

    weights = {weight.name: weight for weight in model.graph.initializer}
    nodes = needed_nodes(model.graph, {name})
    read = {tensor for node in nodes for tensor in node.input} | {name}
    if read & {value.name for value in model.graph.input}:
        return None
    result = helper.make_empty_tensor_value_info(name)
    known = [weights[tensor] for tensor in read if tensor in weights]
    graph = helper.make_graph(nodes, "constant", [], [result], known)
    part = helper.make_model(graph, opset_imports=model.opset_import)
    values: Any = ReferenceEvaluator(part).run(None, {})
    return values[0]


def _widen(convolution: Any, sizes: list[int]) -> None:
    from onnx import helper

    for attribute in convolution.attribute:
        if attribute.name == "pads":
            sizes = [old + new for old, new in zip(attribute.ints, sizes, strict=True)]
            convolution.attribute.remove(attribute)
            break
    convolution.attribute.append(helper.make_attribute("pads", sizes))


def _users(model: Any) -> dict[str, int]:
    """How many nodes and outputs read each tensor."""
    read = [name for node in model.graph.node for name in node.input]
    read += [value.name for value in model.graph.output]
    return {name: read.count(name) for name in set(read)}
