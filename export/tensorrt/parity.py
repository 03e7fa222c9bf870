"""Does an engine compute what ONNX Runtime computes from the same graph?

How far a precision is from FP32 is for `sgmn quantize` and `sgmn report` to judge; here the engine
must be true to its graph.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from export.compare import MASKED, compare
from export.tensorrt.network_view import Precision
from runtime.errors import BuildError

Array = npt.NDArray[Any]
Arrays = Mapping[str, Array]

LEAST_COSINE: Final[dict[Precision, float]] = {"fp32": 0.999999, "fp16": 0.9995, "int8": 0.99}
"""Mean over the rows of an output. FP16 and INT8 as any two stages of the export may differ."""


@dataclass(frozen=True)
class EngineParity:
    """How far one output of an engine is from the graph's.

    Attributes:
        case: which inputs.
        output: its name.
        cosine: mean over rows.
        least_cosine: smallest of a row.
        error: length of the difference over the length of the graph's output; unlike the cosine
            it sees a wrong scale. Infinite where a number is not finite.
    """

    case: str
    output: str
    cosine: float
    least_cosine: float
    error: float

    def as_dict(self) -> dict[str, Any]:
        """JSON-ready fields; an infinite error is null."""
        return {**asdict(self), "error": self.error if np.isfinite(self.error) else None}

    def fits(self, precision: Precision) -> bool:
        """Whether it is near enough."""
        cosine = LEAST_COSINE[precision]
        # Two vectors of one length with this cosine are so far apart.
        return self.cosine >= cosine and self.error <= float(np.sqrt(2 - 2 * cosine))


def measure_parity(case: str, want: Arrays, got: Arrays) -> list[EngineParity]:
    """Compare all outputs of one run."""
    return [_compared(case, name, want[name], got[name]) for name in want]


def require_parity(submodule: str, precision: Precision, found: list[EngineParity]) -> None:
    """Refuse an engine that computes something else.

    Raises:
        BuildError: an output is too far off or not finite.
    """
    bad = [one for one in found if not one.fits(precision)]
    if not bad:
        return
    worst = max(bad, key=lambda one: one.error)
    why = f"{worst.output} ({worst.case} inputs) has cosine {worst.cosine:.5f} to ONNX Runtime"
    if not np.isfinite(worst.error):
        why = f"{worst.output} ({worst.case} inputs) has numbers that are not finite"
    raise BuildError(
        f"the engine of {submodule} does not compute what its graph says",
        why=f"{why}, error {worst.error:.3g}; {precision} needs cosine {LEAST_COSINE[precision]}",
        fix="hold blocks of this submodule at fp32 in the plan of `sgmn quantize`, "
        "or use another release of TensorRT",
    )


def _compared(case: str, name: str, want: Array, got: Array) -> EngineParity:
    if want.shape != got.shape or not np.isfinite(got).all():
        return EngineParity(case, name, 0.0, 0.0, float("inf"))
    angle = compare(name, want, got)
    # Scores of candidates that are none are enormous; they must be so in both, and count no more.
    masked = want <= MASKED / 2
    if (masked != (got <= MASKED / 2)).any():
        return EngineParity(case, name, angle.mean_cosine, angle.cosine, float("inf"))
    shown, other = (np.where(masked, 0.0, x).astype(np.float64) for x in (want, got))
    length = float(np.linalg.norm(shown))
    apart = float(np.linalg.norm(shown - other))
    error = apart / length if length else apart
    return EngineParity(case, name, angle.mean_cosine, angle.cosine, error)
