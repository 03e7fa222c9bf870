"""A training state on disk: one file, whole or not there, without pickle."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path

from torch import Tensor

from models.tensor_file import read_tensors, write_tensors
from runtime.errors import TrainingError

FORMAT = "sgmn-edge-training-1"


@dataclass(frozen=True)
class Standing:
    """How far a run has come.

    Attributes:
        step: steps done; the next one has this number.
        best_step: steps done when the validation figure was best.
        best_figure: that figure; None before the first validation.
        misses: validations since then.
        seconds: time spent on the steps, over all resumptions.
        scaler: the loss scale of mixed precision, see `Precision.facts`.
    """

    step: int = 0
    best_step: int = 0
    best_figure: float | None = None
    misses: int = 0
    seconds: float = 0.0
    scaler: dict[str, float] = field(default_factory=dict)


def save_state(path: Path, standing: Standing, groups: Mapping[str, Mapping[str, Tensor]]) -> None:
    """Write a state in place of the former one.

    Args:
        path: of the file.
        standing: how far the run has come.
        groups: named sets of tensors, e.g. weights, averages, moments.
    """
    tensors = {f"{g}/{name}": t for g, some in groups.items() for name, t in some.items()}
    header = {"format": FORMAT, "standing": json.dumps(asdict(standing))}
    write_tensors(path, tensors, header)


def load_state(path: Path) -> tuple[Standing, dict[str, dict[str, Tensor]]]:
    """Read what `save_state` wrote.

    Raises:
        TrainingError: the file is damaged or of another version.
    """
    from safetensors import SafetensorError

    try:
        tensors, header = read_tensors(path)
        if header.get("format") != FORMAT:
            raise ValueError("its header names no known format")
        standing = Standing(**json.loads(header["standing"]))
    except (OSError, SafetensorError, KeyError, TypeError, ValueError) as error:
        raise TrainingError(
            f"the kept state {path} cannot be used",
            why=str(error),
            fix="begin anew with --restart",
        ) from error
    groups: dict[str, dict[str, Tensor]] = {}
    for name, tensor in tensors.items():
        group, _, rest = name.partition("/")
        groups.setdefault(group, {})[rest] = tensor
    return standing, groups
