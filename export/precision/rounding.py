"""Scales of INT8 weights that no processor's sums overflow with.

AVX2 without VNNI multiplies pairs of 8-bit numbers and adds the two products in 16 bits, where they
saturate (``vpmaddubsw``). ONNX Runtime's answer is weights of 7 bits, which costs half their
precision. It is enough that no two neighbours exceed 128 together: then 255 times their sum fits.
Depthwise convolutions widen to 16 bits before they multiply and need nothing of the kind. Source:
onnxruntime/core/mlas, QgemmU8X8KernelAvx2 and qdwconv.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]

LEVELS = 127
"""Largest weight."""

PAIR = 128
"""Largest sum of two neighbours of equal sign: 255 * 128 fits into 16 bits."""

LEAST = 1e-9
"""Largest weight of a channel of zeros; scales must be positive."""


def weight_axis(node: Any, weight: Array) -> int:
    """The axis of a product's output channels."""
    turned = any(a.name == "transB" and a.i for a in node.attribute)
    return 0 if node.op_type == "Conv" or turned else weight.ndim - 1


def scales(node: Any, weight: Array, *, reduce_range: bool) -> Array:
    """One scale for each output channel of a Conv, MatMul or Gemm.

    Args:
        node: the product.
        weight: float32, its weight.
        reduce_range: choose them so that no sum saturates on AVX2.

    Returns:
        float32 [channels].
    """
    rows = np.moveaxis(weight, weight_axis(node, weight), 0)
    largest = np.maximum(np.abs(rows).reshape(len(rows), -1).max(1), LEAST)
    found: Array = (largest / LEVELS).astype(np.float32)
    if not reduce_range or _is_depthwise(node, weight):
        return found
    if node.op_type == "Conv" and weight.shape[2:] != (1, 1):
        return (largest / (LEVELS // 2)).astype(np.float32)  # neighbours depend on the padding
    flat = rows.reshape(len(rows), -1)
    while True:
        over = _widest_pair(round_to(flat, found[:, None])) > PAIR
        if not over.any():
            return found
        found[over] *= np.float32(1.01)


def round_to(weight: Array, scale: Array) -> Array:
    """Whole multiples of a scale, int8 between -127 and 127."""
    rounded: Array = np.clip(np.rint(weight / scale), -LEVELS, LEVELS).astype(np.int8)
    return rounded


def _is_depthwise(node: Any, weight: Array) -> bool:
    groups = next((a.i for a in node.attribute if a.name == "group"), 1)
    return node.op_type == "Conv" and groups > 1 and groups == weight.shape[0]


def _widest_pair(rounded: Array) -> Array:
    """Largest sum of two neighbours of equal sign in each row."""
    wide = rounded.astype(np.int32)
    sums = [np.maximum(side, 0) for side in (wide, -wide)]
    pairs = [one[:, :-1] + one[:, 1:] for one in sums]
    return np.max([pair.max(1, initial=0) for pair in pairs], axis=0)
