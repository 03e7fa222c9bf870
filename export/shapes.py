"""Shapes of the tensors in a graph, as the passes over exported graphs take and leave them."""

from __future__ import annotations

from typing import Any

from export.pruning import drop_unread

Shape = tuple[int | str | None, ...]
"""Numbers, names of sizes that vary, and None for sizes that are not known."""


def inferred(model: Any) -> Any:
    """Another `onnx.ModelProto` with shapes inferred."""
    import onnx

    return onnx.shape_inference.infer_shapes(model, data_prop=True)


def tidied(model: Any) -> Any:
    """Another one without what nothing reads, and with shapes inferred anew; changes the given."""
    drop_unread(model.graph)
    del model.graph.value_info[:]
    return inferred(model)


def shapes_of(graph: Any) -> dict[str, Shape]:
    """Shapes of inputs, outputs and what is computed, by name, as far as they are noted."""
    return {v.name: _shape(v) for v in [*graph.input, *graph.value_info, *graph.output]}


def _shape(value: Any) -> Shape:
    dims = value.type.tensor_type.shape.dim
    return tuple(d.dim_value if d.HasField("dim_value") else d.dim_param or None for d in dims)
