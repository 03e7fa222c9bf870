"""What nothing reads any more leaves a graph, and nothing else does."""

from __future__ import annotations

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from export.pruning import drop_unread, needed_nodes


def _graph() -> onnx.GraphProto:
    """y = (x + a) * b; a chain of two nodes and a weight of its own lead nowhere."""
    nodes = [
        helper.make_node("Add", ["x", "a"], ["sum"], "sum"),
        helper.make_node("Sub", ["sum", "dead_weight"], ["dead"], "dead"),
        helper.make_node("Relu", ["dead"], ["deader"], "deader"),
        helper.make_node("Mul", ["sum", "b"], ["y"], "product"),
    ]
    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [2]) for name in "xy"]
    weights = [
        numpy_helper.from_array(np.ones(2, np.float32), name)
        for name in ("a", "dead_weight", "b", "given")
    ]
    outputs = [ends[1], helper.make_tensor_value_info("given", TensorProto.FLOAT, [2])]
    return helper.make_graph(nodes, "graph", ends[:1], outputs, weights)


def test_dead_chains_and_their_weights_go() -> None:
    graph = _graph()
    drop_unread(graph)
    assert [node.name for node in graph.node] == ["sum", "product"]
    # A weight that is itself an output has no reader and stays.
    assert [weight.name for weight in graph.initializer] == ["a", "b", "given"]
    onnx.checker.check_graph(graph)


def test_nodes_of_one_result_in_order() -> None:
    assert [node.name for node in needed_nodes(_graph(), ["deader"])] == ["sum", "dead", "deader"]
