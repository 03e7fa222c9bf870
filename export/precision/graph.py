"""ONNX graphs as the precision passes take them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from runtime.errors import ExportError

WEIGHTED = ("Conv", "MatMul", "Gemm")
"""Operators with a weight, which INT8 makes faster."""


def load(file: Path) -> Any:
    """An `onnx.ModelProto` with shapes inferred and no Identity between a weight and its user."""
    import onnx

    model = onnx.load(str(file))
    _bypass_identities(model)
    return onnx.shape_inference.infer_shapes(model)


def save(model: Any, file: Path) -> None:
    """Write an `onnx.ModelProto` with shapes inferred, and check the file in full.

    Raises:
        ExportError: the checker refuses it.
    """
    import onnx

    try:
        onnx.save(onnx.shape_inference.infer_shapes(model, data_prop=True), str(file))
        onnx.checker.check_model(str(file), full_check=True)
    except (onnx.checker.ValidationError, onnx.shape_inference.InferenceError) as error:
        raise ExportError(
            f"{file.name} cannot be made",
            why=str(error),
            fix="use the versions of onnx and onnxruntime pinned in constraints.txt",
        ) from error


def weights(model: Any) -> dict[str, Any]:
    """Initializers by name."""
    return {weight.name: weight for weight in model.graph.initializer}


def weighted(model: Any) -> list[Any]:
    """Nodes that multiply with an FP32 weight stored in the file."""
    import onnx

    known = {w.name for w in model.graph.initializer if w.data_type == onnx.TensorProto.FLOAT}
    return [n for n in model.graph.node if n.op_type in WEIGHTED and n.input[1] in known]


def has_attention(model: Any) -> bool:
    """Whether a graph holds a transformer."""
    return any(node.op_type == "Softmax" for node in model.graph.node)


def array(weight: Any) -> np.ndarray[Any, Any]:
    """The values of an initializer."""
    from onnx import numpy_helper

    values: np.ndarray[Any, Any] = numpy_helper.to_array(weight)
    return values


def _bypass_identities(model: Any) -> None:
    """The exporter shares equal weights through Identity, which hides them from other passes."""
    known = weights(model)
    outputs = {value.name for value in model.graph.output}
    renamed = {
        node.output[0]: node.input[0]
        for node in model.graph.node
        if node.op_type == "Identity" and node.input[0] in known and node.output[0] not in outputs
    }
    kept = [node for node in model.graph.node if node.output[0] not in renamed]
    for node in kept:
        for place, name in enumerate(node.input):
            node.input[place] = renamed.get(name, name)
    del model.graph.node[:]
    model.graph.node.extend(kept)
