"""How far two answers of a submodule are apart."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]

MASKED = -1e4
"""Score of a candidate that is none, as `models.heads.norms` has it; larger than any real one."""


@dataclass(frozen=True)
class Parity:
    """How far one output is from the exact one.

    Attributes:
        output: its name.
        largest: largest absolute difference over the largest magnitude that is not masked.
        cosine: smallest cosine between corresponding rows (last axis).
        mean_cosine: mean of these.
    """

    output: str
    largest: float
    cosine: float
    mean_cosine: float

    def as_dict(self) -> dict[str, Any]:
        """JSON-ready fields."""
        return asdict(self)


def compare(name: str, want: Array, got: Array) -> Parity:
    """Compare one output; another shape is infinitely far."""
    return compare_all(name, [(want, got)])


def compare_all(name: str, answers: Iterable[tuple[Array, Array]]) -> Parity:
    """Compare one output over several runs, each the exact answer and the other."""
    pairs = list(answers)
    if any(want.shape != got.shape for want, got in pairs):
        return Parity(name, float("inf"), 0.0, 0.0)
    largest = max((_largest(want, got) for want, got in pairs), key=_nan_last)
    found = [cosines(want, got) for want, got in pairs]
    cosine = np.concatenate(found)
    if not len(cosine):
        return Parity(name, largest, 1.0, 1.0)
    return Parity(name, largest, float(cosine.min()), float(cosine.mean()))


def worst(results: Sequence[Parity]) -> Parity:
    """The largest difference and least cosines of several comparisons of one output."""
    return Parity(
        results[0].output,
        max((one.largest for one in results), key=_nan_last),
        min(one.cosine for one in results),
        min(one.mean_cosine for one in results),
    )


def as_dicts(results: Sequence[Parity]) -> list[dict[str, Any]]:
    """JSON-ready fields of all."""
    return [result.as_dict() for result in results]


def cosines(want: Array, got: Array) -> npt.NDArray[np.float64]:
    """Cosine between corresponding rows (last axis), float64 [rows].

    Rows without length in ``want``, such as padding, do not count, and masked scores neither; a row
    that is empty in ``got`` alone has cosine 0.
    """
    shown = want > MASKED / 2
    a, b = (
        np.where(shown, x, 0.0).reshape(-1, x.shape[-1]).astype(np.float64) for x in (want, got)
    )
    real = np.linalg.norm(a, axis=1) > 1e-9
    lengths = np.linalg.norm(a[real], axis=1) * np.maximum(np.linalg.norm(b[real], axis=1), 1e-12)
    return np.clip((a[real] * b[real]).sum(1) / lengths, -1.0, 1.0)


def _nan_last(value: float) -> float:
    return value if value == value else float("inf")


def _largest(want: Array, got: Array) -> float:
    # A masked candidate's score is enormous by design; it must agree but not set the scale.
    shown = want > MASKED / 2
    scale = float(np.abs(want[shown]).max(initial=0.0)) or 1.0
    return float(np.abs(want - got).max()) / scale
