"""Does an ONNX file compute what torch computes?"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from export.submodules import Part
from models.heads.norms import MASKED
from runtime.errors import ExportError

Array = npt.NDArray[Any]

TOLERANCE = 1e-3
"""Largest difference allowed in FP32, relative to the largest magnitude that is not masked."""


@dataclass(frozen=True)
class Parity:
    """How far one output is from torch.

    Attributes:
        output: its name.
        largest: largest absolute difference over the largest magnitude that is not masked.
        cosine: smallest cosine between corresponding rows (last axis).
    """

    output: str
    largest: float
    cosine: float

    def as_dict(self) -> dict[str, Any]:
        """JSON-ready fields."""
        return asdict(self)


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
        _compare(port.name, want.numpy(), got)
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


def _compare(name: str, want: Array, got: Array) -> Parity:
    if want.shape != got.shape:
        return Parity(name, float("inf"), 0.0)
    # A masked candidate's score is enormous by design; it must agree but not set the scale.
    shown = want > MASKED / 2
    scale = float(np.abs(want[shown]).max(initial=0.0)) or 1.0
    largest = float(np.abs(want - got).max()) / scale
    rows, other = (np.where(shown, x, 0.0).reshape(-1, x.shape[-1]) for x in (want, got))
    lengths = np.linalg.norm(rows, axis=1) * np.linalg.norm(other, axis=1)
    real = lengths > 1e-9
    cosine = (rows * other).sum(1)[real] / lengths[real]
    return Parity(name, largest, float(cosine.min()) if len(cosine) else 1.0)
