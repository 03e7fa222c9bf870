"""What is multiplied by zeros alone goes; all else stays and answers the same."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from onnx.reference import ReferenceEvaluator

from export.zeros import fold_zeros

X = np.arange(6, dtype=np.float32).reshape(2, 3)


def _model(nodes: Sequence[onnx.NodeProto], shape: Sequence[int] = (2, 3)) -> onnx.ModelProto:
    weights = {
        "zeros": np.zeros((3, 3), np.float32),
        "no_bias": np.zeros(3, np.float32),
        "bias": np.ones(3, np.float32),
        "tall": np.ones((4, 2, 3), np.float32),
        "eye": np.eye(3, dtype=np.float32),
    }
    read = {name for node in nodes for name in node.input}
    graph = helper.make_graph(
        nodes,
        "graph",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [2, 3])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, shape)],
        [numpy_helper.from_array(w, name) for name, w in weights.items() if name in read],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])


def _node(kind: str, given: str, result: str) -> onnx.NodeProto:
    return helper.make_node(kind, given.split(), [result], result)


def _names(model: onnx.ModelProto) -> list[str]:
    onnx.checker.check_model(model, full_check=True)
    return [node.name for node in model.graph.node]


def _answer(model: onnx.ModelProto) -> np.ndarray:
    return np.asarray(ReferenceEvaluator(model).run(None, {"x": X})[0])


def test_a_branch_that_ends_in_zeros_goes_with_all_that_fed_it() -> None:
    before = _model(
        [
            _node("MatMul", "x eye", "up"),
            _node("Relu", "up", "bent"),
            _node("MatMul", "bent zeros", "down"),
            _node("Identity", "no_bias", "same_bias"),
            _node("Add", "same_bias down", "branch"),
            _node("Add", "x branch", "sum"),
            _node("Neg", "sum", "y"),
        ]
    )
    after = fold_zeros(before)
    assert _names(after) == ["y"]
    assert not after.graph.initializer
    np.testing.assert_array_equal(_answer(after), _answer(before))
    assert len(_names(before)) == 7, "the model given is as it was"


def test_a_bias_behind_the_zeros_is_kept() -> None:
    before = _model(
        [
            _node("MatMul", "x zeros", "down"),
            _node("Add", "bias down", "branch"),
            _node("Add", "x branch", "sum"),
            _node("Neg", "sum", "y"),
        ]
    )
    after = fold_zeros(before)
    np.testing.assert_array_equal(_answer(after), _answer(before))
    assert "sum" in _names(after)


def test_a_sum_that_widens_or_is_an_output_stays() -> None:
    widening = _model(
        [
            _node("MatMul", "tall zeros", "none"),
            _node("Add", "x none", "sum"),
            _node("Neg", "sum", "y"),
        ],
        (4, 2, 3),
    )
    ending = _model([_node("MatMul", "x zeros", "none"), _node("Add", "x none", "y")])
    for model in (widening, ending):
        after = fold_zeros(model)
        assert _names(after) == _names(model)
        np.testing.assert_array_equal(_answer(after), _answer(model))


def test_zeros_that_are_added_to_nothing_and_plain_biases_stay() -> None:
    model = _model(
        [
            _node("Add", "x no_bias", "plain"),
            _node("MatMul", "plain zeros", "none"),
            _node("Exp", "none", "y"),
        ]
    )
    assert _names(fold_zeros(model)) == ["plain", "none", "y"]
