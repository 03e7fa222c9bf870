"""Rounded weights shift what a layer gives on average; the bias takes that back.

The shift of an output channel is the error of its weights times the mean of each input channel. It
is the same at every place of a picture, so pooling, which averages all other errors away, would
keep it. Taking it back costs nothing at run time. Source: Nagel et al., "Data-Free Quantization",
ICCV 2019, section 4.2.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from export.precision.graph import array, load, weighted, weights
from export.precision.inference import session
from export.precision.rehearsal import Feed
from export.precision.rounding import round_to, scales, weight_axis
from export.pruning import drop_unread
from runtime.catalog.progress import Progress

Means = Mapping[str, Sequence[float]]
"""Mean of every channel of a tensor, by its name."""

_MEAN = "__mean"


def find_means(file: Path, feeds: Sequence[Feed], progress: Progress) -> Means:
    """Run an FP32 submodule and average the input channels of every product with a stored weight.

    Channels are axis 1 of a convolution's input and the last axis of all others.
    """
    from onnx import TensorProto, helper

    model = load(file)
    ranks = _ranks(model)
    axes = {}
    for node in weighted(model):
        name = node.input[0]
        channels = 1 if node.op_type == "Conv" else ranks[name] - 1
        axes[name] = [axis for axis in range(ranks[name]) if axis != channels]
    for name, others in axes.items():
        mean = helper.make_node("ReduceMean", [name], [name + _MEAN], axes=others, keepdims=0)
        model.graph.node.append(mean)
        value = helper.make_tensor_value_info(name + _MEAN, TensorProto.FLOAT, [None])
        model.graph.output.append(value)
    run, names = session(model), [name + _MEAN for name in axes]
    label = f"Means of {file.name.partition('.')[0]}"
    shown = progress(feeds, label=label, total=len(feeds))
    rows = [run.run(names, dict(feed)) for feed in shown]
    columns = zip(axes, zip(*rows, strict=True), strict=True)
    return {name: list(np.mean(values, 0, np.float64)) for name, values in columns}


def correct_biases(
    model: Any, products: Collection[str], means: Means, *, reduce_range: bool
) -> None:
    """Take back what the rounding of weights shifts; products without a bias stay as they are.

    Args:
        model: an `onnx.ModelProto` in FP32, changed.
        products: names of those whose weights will be rounded.
        means: of their input channels.
        reduce_range: as for `export.precision.rounding.scales`.
    """
    from onnx import numpy_helper

    known = weights(model)
    for node in weighted(model):
        place = _bias(model, node, known) if node.name in products else None
        if place is None:
            continue
        weight = array(known[node.input[1]])
        shift = _shift(node, weight, np.array(means[node.input[0]]), reduce_range=reduce_range)
        owner, index = place
        bias = array(known[owner.input[index]])
        fresh = numpy_helper.from_array((bias - shift).astype(np.float32), node.name + "_bias")
        model.graph.initializer.append(fresh)
        owner.input[index] = fresh.name
    drop_unread(model.graph)


def _shift(
    node: Any, weight: npt.NDArray[Any], mean: npt.NDArray[Any], *, reduce_range: bool
) -> npt.NDArray[Any]:
    axis = weight_axis(node, weight)
    rows = np.moveaxis(weight, axis, 0).astype(np.float64)
    scale = scales(node, weight, reduce_range=reduce_range).astype(np.float64)
    scale = scale.reshape([-1] + [1] * (rows.ndim - 1))
    error = round_to(rows, scale) * scale - rows
    taps = error.reshape(error.shape[0], error.shape[1], -1).sum(2)  # [outputs, inputs of a group]
    outputs = len(taps) // (len(mean) // taps.shape[1])
    seen = np.repeat(mean.reshape(-1, taps.shape[1]), outputs, axis=0)
    shift: npt.NDArray[Any] = (taps * seen).sum(1)
    return shift


def _bias(model: Any, node: Any, known: dict[str, Any]) -> tuple[Any, int] | None:
    """The node and the input that hold the bias of a product."""
    if node.op_type != "MatMul":
        has = len(node.input) > 2 and node.input[2] in known
        return (node, 2) if has else None
    users = [user for user in model.graph.node if node.output[0] in user.input]
    if len(users) != 1 or users[0].op_type != "Add":
        return None
    index = 1 - list(users[0].input).index(node.output[0])
    bias = known.get(users[0].input[index])
    channels = array(known[node.input[1]]).shape[-1]
    fits = bias is not None and list(bias.dims) == [channels]
    return (users[0], index) if fits else None


def _ranks(model: Any) -> dict[str, int]:
    values = [*model.graph.value_info, *model.graph.input]
    return {value.name: len(value.type.tensor_type.shape.dim) for value in values}
