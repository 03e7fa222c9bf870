"""FP16 by casts in the graph, with islands of FP32.

Products run in FP16, and so does what only moves or combines their results. LayerNorm, softmax,
means, sums, powers and roots stay FP32, with the squares and scalings that lead nowhere else: in
half precision they overflow or lose their small terms (NVIDIA/TensorRT#4723, #4373).
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import numpy as np

from export.pruning import drop_unread

SEEDS = frozenset({"Conv", "MatMul", "Gemm"})
"""What FP16 makes faster."""

COMBINING = frozenset({"Add", "Sub", "Mul", "Div", "Clip", "Relu", "Sigmoid", "Erf", "Tanh"})
MOVING = frozenset(
    {"Concat", "Flatten", "Gather", "Identity", "MaxPool", "Pad", "ReduceMax", "Reshape", "Slice"}
    | {"Split", "Squeeze", "Transpose", "Unsqueeze"}
)
"""What is FP16 where all that it is given is."""

HALF, FLOAT = "__fp16", "__fp32"
"""Ends of the names of tensors that come from a cast."""

LARGEST = float(np.finfo(np.float16).max)


def original(name: str) -> str:
    """The name that a tensor had before any cast."""
    return name.removesuffix(HALF).removesuffix(FLOAT)


def to_half(model: Any, allowed: Collection[str]) -> None:
    """Run some nodes in FP16; inputs and outputs of the graph keep their types.

    Args:
        model: an `onnx.ModelProto` with shapes inferred, changed.
        allowed: names of the nodes that may run in FP16.
    """
    if not allowed:
        return
    _Converter(model, _chosen(model, set(allowed))).convert()


def _chosen(model: Any, allowed: set[str]) -> set[str]:
    """Names of the nodes that run in FP16."""
    floats, constants = _floats(model), _constants(model)
    islands = _islands(model, floats)
    half: set[str] = set()
    produced: set[str] = set()
    for node in model.graph.node:
        if node.name not in allowed:
            continue
        given = [n for n in node.input if n in floats and n not in constants]
        follows = bool(given) and all(name in produced for name in given)
        inner = node.op_type in COMBINING | MOVING and node.name not in islands and follows
        table = node.op_type == "Gather" and node.input[0] in floats & constants
        if (node.op_type in SEEDS and given) or inner or table:
            half.add(node.name)
            produced.update(node.output)
    return half


def _islands(model: Any, floats: Collection[str]) -> set[str]:
    """Names of combining nodes that lead to FP32 operators alone."""
    users: dict[str, list[Any]] = {}
    for node in model.graph.node:
        for name in node.input:
            users.setdefault(name, []).append(node)
    outputs = {value.name for value in model.graph.output}
    found: set[str] = set()
    for node in reversed(model.graph.node):
        after = [user for name in node.output for user in users.get(name, [])]
        exact = all(
            user.name in found or user.op_type not in SEEDS | COMBINING | MOVING for user in after
        )
        if node.op_type in COMBINING and after and exact and not outputs & set(node.output):
            found.add(node.name)
    return found


def _floats(model: Any) -> set[str]:
    """Names of FP32 tensors."""
    from onnx import TensorProto

    graph = model.graph
    values = [*graph.value_info, *graph.input, *graph.output]
    found = {v.name for v in values if v.type.tensor_type.elem_type == TensorProto.FLOAT}
    return found | {w.name for w in graph.initializer if w.data_type == TensorProto.FLOAT}


def _constants(model: Any) -> set[str]:
    made = {n for node in model.graph.node if node.op_type == "Constant" for n in node.output}
    return made | {weight.name for weight in model.graph.initializer}


class _Converter:
    def __init__(self, model: Any, half: set[str]) -> None:
        self._model = model
        self._half = half
        self._floats = _floats(model)
        self._outputs = {value.name for value in model.graph.output}
        self._values = self._constant_values()
        self._is_half: set[str] = set()
        self._made: list[Any] = []
        self._cast: set[str] = set()

    def convert(self) -> None:
        graph = self._model.graph
        for node in list(graph.node):
            if node.op_type == "Constant":
                self._made.append(node)
            elif node.name in self._half:
                self._run_in_half(node)
            else:
                self._run_in_float(node)
        del graph.node[:]
        graph.node.extend(self._made)
        drop_unread(graph)
        del graph.value_info[:]  # types have changed

    def _run_in_half(self, node: Any) -> None:
        for place, name in enumerate(node.input):
            if name in self._floats:
                node.input[place] = self._as_half(name)
        self._made.append(node)
        for place, name in enumerate(node.output):
            if name in self._floats:
                self._is_half.add(name)
                if name in self._outputs:
                    node.output[place] = name + HALF
                    self._cast.add(name + HALF)
                    self._add_cast(name + HALF, name, "FLOAT")

    def _run_in_float(self, node: Any) -> None:
        for place, name in enumerate(node.input):
            if name in self._is_half and name not in self._outputs:
                node.input[place] = self._as_float(name)
        self._made.append(node)

    def _as_half(self, name: str) -> str:
        if name in self._is_half and name not in self._outputs:
            return name
        if name + HALF not in self._cast:
            self._cast.add(name + HALF)
            if name in self._values:
                self._add_constant(name)
            else:
                self._add_cast(name, name + HALF, "FLOAT16")
        return name + HALF

    def _as_float(self, name: str) -> str:
        if name + FLOAT not in self._cast:
            self._cast.add(name + FLOAT)
            self._add_cast(name, name + FLOAT, "FLOAT")
        return name + FLOAT

    def _add_cast(self, source: str, target: str, kind: str) -> None:
        from onnx import TensorProto, helper

        to = TensorProto.DataType.Value(kind)
        self._made.append(helper.make_node("Cast", [source], [target], target + "_cast", to=to))

    def _add_constant(self, name: str) -> None:
        """A constant rounded once; what half cannot hold becomes its largest number."""
        from onnx import numpy_helper

        values = np.clip(self._values[name], -LARGEST, LARGEST).astype(np.float16)
        self._model.graph.initializer.append(numpy_helper.from_array(values, name + HALF))

    def _constant_values(self) -> dict[str, Any]:
        from onnx import numpy_helper

        graph = self._model.graph
        found = {w.name: numpy_helper.to_array(w) for w in graph.initializer}
        for node in graph.node:
            if node.op_type == "Constant" and node.attribute[0].name == "value":
                found[node.output[0]] = numpy_helper.to_array(node.attribute[0].t)
        return found
