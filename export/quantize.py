"""Profile ``cpu``: smaller and faster submodules for processors without a GPU.

- frame encoder: static INT8, uint8 activations and 7-bit weights (``reduce_range``), because AVX2
  without VNNI saturates on 8-bit ones. The stem and the first blocks stay in FP32: they cost most
  accuracy and least time. A vision transformer is stored as the heads are: ranges measured once do
  not fit its activations, and ranges taken at run time would make a picture depend on its batch.
- text encoder: INT8 weights with activations scaled at run time, word table INT8 row by row.
- heads and re-ranker: weights stored in FP16, computed in FP32; they are small and exact matters.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]
Feeds = Sequence[Mapping[str, Array]]

FLOAT_CONVOLUTIONS = 6
"""Convolutions at the start that stay in FP32."""

BIG = 4096
"""Elements from which on a weight is worth storing in fewer bits."""


class _Reader:
    """Calibration samples as ONNX Runtime's quantiser reads them."""

    def __init__(self, feeds: Feeds) -> None:
        self._rest: Iterator[Mapping[str, Array]] = iter(feeds)

    def get_next(self) -> Mapping[str, Array] | None:
        return next(self._rest, None)


def has_attention(source: Path) -> bool:
    """Whether a file holds a transformer."""
    import onnx

    return any(node.op_type == "Softmax" for node in onnx.load(str(source)).graph.node)


def quantize_frame_encoder(source: Path, target: Path, feeds: Feeds) -> None:
    """Static INT8 of the convolutions, ranges from the samples' minima and maxima."""
    import onnx
    from onnxruntime import quantization as q

    nodes = onnx.load(str(source)).graph.node
    convolutions = [node.name for node in nodes if node.op_type == "Conv"]
    with _quiet():
        q.quantize_static(
            str(source),
            str(target),
            _Reader(feeds),
            quant_format=q.QuantFormat.QDQ,
            # Without Clip in the list the range before ReLU6 would be quantised, most of it unused.
            op_types_to_quantize=["Conv", "Add", "Clip"],
            per_channel=True,
            reduce_range=True,
            activation_type=q.QuantType.QUInt8,
            weight_type=q.QuantType.QInt8,
            calibrate_method=q.CalibrationMethod.MinMax,
            nodes_to_exclude=convolutions[:FLOAT_CONVOLUTIONS],
        )


def quantize_text_encoder(source: Path, target: Path) -> None:
    """INT8 weights; activations are scaled when the text is known."""
    import onnx
    from onnxruntime import quantization as q

    partial = target.with_suffix(".matmul.onnx")
    with _quiet():
        q.quantize_dynamic(
            str(source),
            str(partial),
            op_types_to_quantize=["MatMul", "Gemm"],
            per_channel=True,
            reduce_range=True,
            weight_type=q.QuantType.QInt8,
        )
    model = onnx.load(str(partial))
    _quantize_tables(model)
    onnx.save(model, str(target))
    partial.unlink()


def store_half(source: Path, target: Path) -> None:
    """Weights in FP16 with a cast behind them, which the runtime folds away when it loads."""
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    model = onnx.load(str(source))
    casts = []
    for weight in list(model.graph.initializer):
        values = numpy_helper.to_array(weight)
        if values.dtype != np.float32 or values.size < BIG:
            continue
        half = numpy_helper.from_array(values.astype(np.float16), weight.name + "_half")
        casts.append(helper.make_node("Cast", [half.name], [weight.name], to=TensorProto.FLOAT))
        model.graph.initializer.remove(weight)
        model.graph.initializer.append(half)
    _insert_first(model, casts)
    onnx.save(model, str(target))


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


def _quantize_tables(model: Any) -> None:
    """Embedding tables to INT8 with one scale a row: gather first, then scale."""
    from onnx import TensorProto, helper, numpy_helper

    weights = {w.name: w for w in model.graph.initializer}
    for node in list(model.graph.node):
        if node.op_type != "Gather" or node.input[0] not in weights:
            continue
        values = numpy_helper.to_array(weights[node.input[0]])
        if values.dtype != np.float32 or values.size < BIG or values.ndim != 2:
            continue
        scales = np.maximum(np.abs(values).max(1, keepdims=True) / 127.0, 1e-12).astype(np.float32)
        table, row = node.input[0] + "_int8", node.input[0] + "_scale"
        rounded = np.clip(np.rint(values / scales), -127, 127).astype(np.int8)
        model.graph.initializer.remove(weights[node.input[0]])
        model.graph.initializer.extend(
            [numpy_helper.from_array(rounded, table), numpy_helper.from_array(scales, row)]
        )
        ids, out = node.input[1], node.output[0]
        replacement = [
            helper.make_node("Gather", [table, ids], [out + "_int8"], axis=0),
            helper.make_node("Cast", [out + "_int8"], [out + "_float"], to=TensorProto.FLOAT),
            helper.make_node("Gather", [row, ids], [out + "_row"], axis=0),
            helper.make_node("Mul", [out + "_float", out + "_row"], [out]),
        ]
        place = list(model.graph.node).index(node)
        model.graph.node.remove(node)
        for offset, new in enumerate(replacement):
            model.graph.node.insert(place + offset, new)


def _insert_first(model: Any, nodes: list[Any]) -> None:
    for node in reversed(nodes):
        model.graph.node.insert(0, node)
