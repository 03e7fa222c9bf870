"""What a graph for TensorRT computes, as a graph that a processor computes alike.

Every Q/DQ pair becomes arithmetic that rounds, and after every FP16 operation a pair of casts does;
all else is FP32. So nothing is left that ONNX Runtime could fuse into its own 8-bit kernels, which
saturate on AVX2, and FP16 overflows where it would on the GPU: given FP16 operations as they are,
ONNX Runtime computes chains of them in FP32. Sums are FP32, as TensorRT's are in INT8; how
TensorRT adds in FP16 depends on the kernel and cannot be told here.
"""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np

from export.precision.graph import array, weights
from export.precision.half import MOVING
from runtime.bundle.folder import new_folder
from runtime.bundle.manifest import Manifest
from runtime.bundle.reader import open_bundle
from runtime.bundle.writer import seal
from runtime.errors import UsageError

LEVELS = (-128.0, 127.0)
"""Least and largest value of INT8, as QuantizeLinear saturates."""


def simulate_bundle(bundle: Path, out: Path) -> Manifest:
    """Write a bundle whose submodules compute what a bundle's TensorRT graphs do.

    For judging accuracy alone: it is slower than FP32.

    Args:
        bundle: made by a plan for ``tensorrt``.
        out: the new bundle's folder; must not exist.

    Returns:
        The manifest. ``simulated`` in its provenance tells digest and sizes of ``bundle``.

    Raises:
        BundleError: the bundle is damaged.
        UsageError: it has no TensorRT graphs.
        StorageError: ``out`` exists or cannot be written.
    """
    import onnx

    with new_folder(out) as folder:
        source = open_bundle(bundle)
        manifest = source.manifest
        if not manifest.tensorrt:
            raise UsageError(
                f"{bundle} has no graphs for TensorRT",
                why="only those can be simulated; all others run here as they are",
                fix="make them: sgmn quantize FP32 --target tensorrt",
            )
        (folder / "onnx").mkdir()
        made, files = {}, manifest.files
        for name, part in manifest.tensorrt.items():
            file = f"onnx/{name}.simulated.onnx"
            onnx.save(simulated(onnx.load(str(source.folder / part.file))), str(folder / file))
            made[name] = part.model_copy(update={"file": file})
        shutil.copyfile(source.folder / manifest.text.tokenizer, folder / manifest.text.tokenizer)
        origin = {
            "digest": source.digest,
            "submodules": {k: files[part.file].size_bytes for k, part in manifest.tensorrt.items()},
            "total": sum(entry.size_bytes for entry in files.values()),
        }
        changes: dict[str, Any] = {
            "precision": "tensorrt-simulated",
            "submodules": made,
            "tensorrt": {},
            "accuracy": [],
            "self_test": None,
            "provenance": {**manifest.provenance, "simulated": origin},
        }
        return seal(folder, manifest.model_copy(update=changes))


def simulated(model: Any) -> Any:
    """A graph for TensorRT as FP32 arithmetic that rounds; an `onnx.ModelProto`, another one."""
    import onnx

    graph = onnx.shape_inference.infer_shapes(model).graph
    half = onnx.TensorProto.FLOAT16
    rounded = {v.name for v in graph.value_info if v.type.tensor_type.elem_type == half}
    known = {name: array(weight) for name, weight in weights(model).items()}
    made: list[Any] = []
    for node in graph.node:
        made += _nodes(node, rounded, known)
    result = onnx.ModelProto()
    result.CopyFrom(model)
    del result.graph.node[:], result.graph.initializer[:], result.graph.value_info[:]
    result.graph.node.extend(made)
    read = {name for node in made for name in node.input}
    result.graph.initializer.extend(
        onnx.numpy_helper.from_array(values.astype(np.float32), name)
        if values.dtype == np.float16
        else onnx.numpy_helper.from_array(values, name)
        for name, values in known.items()
        if name in read
    )
    return result


def _nodes(node: Any, rounded: set[str], known: dict[str, Any]) -> list[Any]:
    from onnx import helper

    if node.op_type == "QuantizeLinear":
        return _quantize(node, known)
    if node.op_type == "DequantizeLinear":
        scale = _aligned(node, known)
        return [helper.make_node("Mul", [node.input[0], scale], list(node.output), node.name)]
    made = rounded & set(node.output)
    if node.op_type == "Cast" and (made or node.input[0] in rounded):
        node = helper.make_node("Identity", list(node.input), list(node.output), node.name)
    if not made or node.op_type in MOVING - {"Identity"}:
        return [node]
    copied = type(node)()
    copied.CopyFrom(node)
    after = []
    for place, name in enumerate(node.output):
        if name in made:
            copied.output[place] = name + "_exact"
            after += _through_half(name + "_exact", name)
    return [copied, *after]


def _quantize(node: Any, known: dict[str, Any]) -> list[Any]:
    """Division, rounding to even and saturation, as the operator is defined."""
    from onnx import helper

    scale, stem, out = _aligned(node, known), node.name, node.output[0]
    for end, level in zip(("_least", "_largest"), LEVELS, strict=True):
        known[stem + end] = np.array(level, np.float32)
    return [
        helper.make_node("Div", [node.input[0], scale], [out + "_divided"], stem + "/Div"),
        helper.make_node("Round", [out + "_divided"], [out + "_whole"], stem + "/Round"),
        helper.make_node(
            "Clip", [out + "_whole", stem + "_least", stem + "_largest"], [out], stem + "/Clip"
        ),
    ]


def _aligned(node: Any, known: dict[str, Any]) -> str:
    """Name of the node's scale, shaped to go along the axis of its data."""
    scale = known[node.input[1]]
    if scale.ndim == 0:
        return str(node.input[1])
    axis = next(a.i for a in node.attribute if a.name == "axis")
    rank = _rank(node, known)
    name = node.input[1] + "_aligned"
    known[name] = scale.reshape([-1 if i == axis else 1 for i in range(rank)])
    return name


def _rank(node: Any, known: dict[str, Any]) -> int:
    """Of the weight that a pair with several scales belongs to."""
    weight = known.get(node.input[0])
    if weight is None:  # the second of a pair: the first has aligned their common scale
        return int(known[node.input[1] + "_aligned"].ndim)
    return int(weight.ndim)


def _through_half(source: str, target: str) -> list[Any]:
    from onnx import TensorProto, helper

    half = target + "_half"
    return [
        helper.make_node("Cast", [source], [half], half + "_cast", to=TensorProto.FLOAT16),
        helper.make_node("Cast", [half], [target], target + "_cast_back", to=TensorProto.FLOAT),
    ]
