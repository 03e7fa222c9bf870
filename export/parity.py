"""Does an ONNX file compute what torch computes?"""

from __future__ import annotations

from pathlib import Path

import torch

from export.compare import Parity, compare, worst
from export.submodules import Part
from runtime.errors import ExportError

TOLERANCE = 1e-3
"""Largest difference allowed in FP32, relative to the largest magnitude that is not masked."""


def measure(part: Part, file: Path, inputs: list[torch.Tensor]) -> list[Parity]:
    """Compare one ONNX file with torch on one set of inputs."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(str(file), options, providers=["CPUExecutionProvider"])
    with torch.inference_mode():
        expected = part.module(*inputs)
    expected = expected if isinstance(expected, tuple) else (expected,)
    feeds = {port.name: t.numpy() for port, t in zip(part.inputs, inputs, strict=True)}
    found = session.run([port.name for port in part.outputs], feeds)
    return [
        compare(port.name, want.numpy(), got)
        for port, want, got in zip(part.outputs, expected, found, strict=True)
    ]


def require(part: Part, file: Path, inputs: list[torch.Tensor]) -> list[Parity]:
    """Measure and refuse a file that does not compute what torch does.

    Raises:
        ExportError: an output differs by more than the tolerance.
    """
    results = measure(part, file, inputs)
    for result in results:
        if not result.largest <= TOLERANCE:
            raise ExportError(
                f"{file.name} does not compute what torch computes",
                why=f"{result.output} differs by {result.largest:.2e} of its magnitude",
                fix="use the checkpoint it came from and the versions pinned in constraints.txt",
            )
    return results


def require_all(part: Part, file: Path, cases: list[list[torch.Tensor]]) -> list[Parity]:
    """As `require`, for several sets of inputs; of every output the worst.

    Raises:
        ExportError: as `require`.
    """
    results = zip(*[require(part, file, inputs) for inputs in cases], strict=True)
    return [worst(list(of_output)) for of_output in results]
