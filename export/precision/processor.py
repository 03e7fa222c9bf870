"""Target ``cpu``: INT8 as processors compute it, FP16 as storage.

- static INT8: uint8 activations and signed weights per channel, ranges measured beforehand.
- text encoder: INT8 weights with activations scaled at run time, word table INT8 row by row.
- FP16: weights stored in half, computed in FP32; processors gain nothing else from it.
"""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from export.precision.blocks import names_of
from export.precision.correction import Means, correct_biases
from export.precision.graph import array, has_attention, load, weighted, weights
from export.precision.plan import SubmodulePlan
from export.precision.ranges import Ranges
from export.precision.rounding import round_to, scales, weight_axis
from export.precision.stored import quantize_tables, store_half

DYNAMIC = ("text_encoder",)
"""Submodules whose activations are scaled at run time.

Their inputs vary in length and are never batched with others', so nothing depends on its company.
"""


def needs_ranges(submodule: str, plan: SubmodulePlan) -> bool:
    """Whether a submodule's activations are quantised with ranges measured beforehand."""
    return plan.precision == "int8" and submodule not in DYNAMIC


def for_processor(
    source: Path,
    submodule: str,
    plan: SubmodulePlan,
    ranges: Ranges,
    means: Means,
    *,
    reduce_range: bool,
) -> Any:
    """One submodule in the precision of a plan.

    Args:
        source: the FP32 file.
        submodule: its name.
        plan: its precision.
        ranges: of its activations, where `needs_ranges`.
        means: of its products' input channels, where the plan has INT8.
        reduce_range: no sum saturates on processors without VNNI.

    Returns:
        An `onnx.ModelProto`.
    """
    model = load(source)
    names = names_of(model)
    held = {node for node, block in names.items() if block in plan.held}
    if plan.precision == "int8":
        coarse = [node.name for node in weighted(model) if node.name not in held]
        correct_biases(model, coarse, means, reduce_range=reduce_range)
        if submodule in DYNAMIC:
            model = _dynamic(model, coarse, held, reduce_range)
        elif coarse:
            model = _static(model, coarse, held, ranges, reduce_range)
        if plan.held_precision == "fp16":
            store_half(model)
    elif plan.precision == "fp16":
        store_half(model, exact=held if plan.held_precision == "fp32" else ())
    return model


def _static(
    model: Any, coarse: list[str], held: Collection[str], ranges: Ranges, reduce_range: bool
) -> Any:
    from onnxruntime import quantization as q
    from onnxruntime.quantization.qdq_quantizer import QDQQuantizer

    data = {
        name: (np.array(low, np.float32), np.array(high, np.float32))
        for name, (low, high) in ranges.items()
    }
    between = _between(model, held)
    with _quiet():
        quantizer = QDQQuantizer(
            model,
            per_channel=True,
            reduce_range=reduce_range,
            weight_qType=q.QuantType.QInt8,
            activation_qType=q.QuantType.QUInt8,
            tensors_range=q.calibrate.TensorsData(q.CalibrationMethod.MinMax, data),
            nodes_to_quantize=[*coarse, *between],
            nodes_to_exclude=[],
            op_types_to_quantize=["Conv", "MatMul", "Gemm", "Add", "Clip", "Relu"],
            extra_options={
                "TensorQuantOverrides": _weights(model, coarse, reduce_range),
                **({} if between else _WEIGHTED_ALONE),
            },
        )
        quantizer.quantize_model()
        quantizer.model.topological_sort()
    return quantizer.model.model


def _weights(model: Any, coarse: Collection[str], reduce_range: bool) -> dict[str, Any]:
    """Scales of weights, as ONNX Runtime's quantiser takes them."""
    from onnxruntime.quantization import QuantType

    known = weights(model)
    found = {}
    for node in model.graph.node:
        if node.name in coarse:
            values = array(known[node.input[1]])
            kind = {"axis": weight_axis(node, values), "quant_type": QuantType.QInt8}
            zero = np.array(0, np.int8)
            found[node.input[1]] = [
                {**kind, "scale": np.array(scale, np.float32), "zero_point": zero}
                for scale in scales(node, values, reduce_range=reduce_range)
            ]
    return found


_WEIGHTED_ALONE = {"OpTypesToExcludeOutputQuantization": ["MatMul", "Gemm"]}
"""Between the layers of a transformer and in heads, sums and norms want all their bits."""


def _between(model: Any, held: Collection[str]) -> list[str]:
    """What stands between convolutions and is INT8 as well, so that nothing goes back and forth.

    Without Clip the range before a ReLU6 would be quantised, most of it unused.
    """
    if has_attention(model) or not any(node.op_type == "Conv" for node in model.graph.node):
        return []
    produced = {name: node for node in model.graph.node for name in node.output}

    def follows(node: Any) -> bool:
        before = [produced[name] for name in node.input if name in produced]
        return any(p.op_type in ("Conv", "Add", "Clip", "Relu") for p in before)

    kinds = ("Add", "Clip", "Relu")
    return [
        node.name
        for node in model.graph.node
        if node.op_type in kinds and node.name not in held and follows(node)
    ]


def _dynamic(model: Any, coarse: list[str], held: Collection[str], reduce_range: bool) -> Any:
    import onnx
    from onnxruntime import quantization as q

    with tempfile.TemporaryDirectory(prefix="sgmn-quantize-") as name, _quiet():
        before, after = Path(name) / "before.onnx", Path(name) / "after.onnx"
        onnx.save(model, str(before))
        if coarse:
            q.quantize_dynamic(
                str(before),
                str(after),
                op_types_to_quantize=["MatMul", "Gemm"],
                nodes_to_quantize=coarse,
                per_channel=True,
                weight_type=q.QuantType.QInt8,
            )
        quantized = onnx.load(str(after if coarse else before))
    _round_anew(quantized, model, coarse, reduce_range)
    quantize_tables(quantized, exact=held)
    return quantized


def _round_anew(quantized: Any, exact: Any, coarse: Collection[str], reduce_range: bool) -> None:
    """Weights in our scales, which ONNX Runtime's dynamic quantiser cannot be told."""
    from onnx import numpy_helper

    known, made = weights(exact), weights(quantized)
    for node in exact.graph.node:
        if node.name in coarse:
            name, values = node.input[1], array(known[node.input[1]])
            found = scales(node, values, reduce_range=reduce_range)
            shape = [-1 if i == weight_axis(node, values) else 1 for i in range(values.ndim)]
            rounded = round_to(values, found.reshape(shape))
            for end, new in (("_quantized", rounded), ("_scale", found)):
                made[name + end].CopyFrom(numpy_helper.from_array(new, name + end))


@contextmanager
def _quiet() -> Iterator[None]:
    """Without the advice that ONNX Runtime's quantiser gives through the root logger."""
    root = logging.getLogger()
    level = root.level
    root.setLevel(logging.ERROR)
    try:
        yield
    finally:
        root.setLevel(level)
