"""Submodules to ONNX files."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import torch

from export.folding import fold_sizes
from export.padding import fold_padding
from export.reshaping import state_targets
from export.submodules import Part
from export.zeros import fold_zeros
from runtime.errors import ExportError

OPSET = 17
"""The newest that TensorRT 8.6 reads."""

NEWEST_IR = 8
"""Likewise, of the file format: that of ONNX 1.12."""

LARGEST_FILE = 1 << 31
"""Bytes that one file may hold; a larger network would be cut into several."""

EXAMPLE_SIZES = {"N": 2, "L": 7}


def write_onnx(part: Part, folder: Path) -> Path:
    """Export one submodule and check the file.

    Returns:
        ``<folder>/<name>.fp32.onnx``.

    Raises:
        ExportError: the exporter or the checker refuses, or another opset came out.
    """
    import onnx

    file = folder / f"{part.name}.fp32.onnx"
    generator = torch.Generator().manual_seed(0)
    examples = tuple(port.example(EXAMPLE_SIZES, generator) for port in part.inputs)
    with warnings.catch_warnings():
        # The tracing exporter is the one that still gives opset 17; it warns of being old and of
        # every Python comparison of sizes, which are fixed here.
        warnings.simplefilter("ignore")
        torch.onnx.export(
            part.module.eval(),
            examples,
            str(file),
            input_names=[port.name for port in part.inputs],
            output_names=[port.name for port in part.outputs],
            dynamic_axes=part.dynamic_axes(),
            opset_version=OPSET,
            dynamo=False,
        )
    model = onnx.load(str(file))
    _state_shapes(model, part)
    fold_padding(model)
    for _ in range(2):  # sizes behind a reshape are known once its target is
        model = state_targets(fold_sizes(model))
    model = fold_zeros(model)
    onnx.save(model, str(file))
    try:
        onnx.checker.check_model(str(file), full_check=True)
    except (onnx.checker.ValidationError, onnx.shape_inference.InferenceError) as error:
        raise _refused(part, str(error)) from error
    found = {entry.domain: entry.version for entry in model.opset_import}
    if found.get("") != OPSET:
        raise _refused(part, f"opset {found.get('')} came out instead of {OPSET}")
    if model.ir_version > NEWEST_IR:
        raise _refused(part, f"IR version {model.ir_version} came out, {NEWEST_IR} is the newest")
    if file.stat().st_size >= LARGEST_FILE:
        raise _refused(part, f"the file has {file.stat().st_size} bytes, 2 GB are too many")
    return file


def _state_shapes(model: Any, part: Part) -> None:
    """Outputs as the contract has them; behind reshapes the exporter gives up fixed sizes."""
    for value, port in zip(model.graph.output, part.outputs, strict=True):
        for found, size in zip(value.type.tensor_type.shape.dim, port.shape, strict=True):
            if isinstance(size, int):
                found.dim_value = size


def _refused(part: Part, why: str) -> ExportError:
    return ExportError(
        f"{part.name} cannot be exported",
        why=why,
        fix="use the versions of torch and onnx pinned in constraints.txt",
    )
