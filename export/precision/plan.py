"""A precision plan: for one target, the precision of every submodule and the blocks held back."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any, ClassVar, Literal

from runtime.bundle.manifest import SUBMODULES
from runtime.errors import UsageError

Precision = Literal["fp32", "fp16", "int8"]
Target = Literal["cpu", "tensorrt"]
Method = Literal["minmax", "entropy", "percentile"]

EXACTNESS: tuple[Precision, ...] = ("int8", "fp16", "fp32")
"""From the coarsest to the most exact."""


class _Strict:
    """Read from TOML or JSON, unknown fields are refused."""

    __pydantic_config__: ClassVar = {"extra": "forbid"}


@dataclass(frozen=True)
class SubmodulePlan(_Strict):
    """The precision of one submodule.

    Attributes:
        precision: of its blocks.
        held: blocks that stay at ``held_precision``; names of `export.precision.blocks`.
        held_precision: at least as exact as ``precision``; in an INT8 submodule, also of all that
            has no weights to multiply with. On the processor ``fp16`` is how weights are stored.
    """

    precision: Precision = "fp32"
    held: tuple[str, ...] = ()
    held_precision: Precision = "fp32"

    def __post_init__(self) -> None:
        if EXACTNESS.index(self.held_precision) < EXACTNESS.index(self.precision):
            raise ValueError(f"{self.held_precision} is coarser than {self.precision}")

    def of(self, block: str) -> Precision:
        """The precision of one block."""
        return self.held_precision if block in self.held else self.precision

    def as_dict(self) -> dict[str, Any]:
        """JSON-ready fields; the order of held blocks means nothing."""
        return {**asdict(self), "held": sorted(set(self.held))}


@dataclass(frozen=True)
class Calibration(_Strict):
    """How the ranges of INT8 activations are found.

    Attributes:
        method: minmax, entropy or percentile.
        pictures: how many are drawn, at least 2.
        seed: of the draw, 0 or more.
    """

    method: Method = "minmax"
    pictures: int = 256
    seed: int = 0

    def __post_init__(self) -> None:
        if self.pictures < 2:
            raise ValueError(f"pictures = {self.pictures} are too few, 2 is the least")
        if self.seed < 0:
            raise ValueError(f"seed = {self.seed} is below 0")

    def as_dict(self) -> dict[str, Any]:
        """JSON-ready fields."""
        return asdict(self)


@dataclass(frozen=True)
class PrecisionPlan(_Strict):
    """Precision of a whole bundle for one target.

    Attributes:
        name: short and unique within a report, as in file names.
        target: ``cpu`` (uint8 activations) or ``tensorrt`` (symmetric int8); a graph made for one
            is never judged on the other.
        submodules: the five; those that are missing are FP32.
        calibration: of the INT8 blocks.
        reduce_range: scales of INT8 weights for processors with which no sum saturates on AVX2
            without VNNI (`export.precision.rounding`).
    """

    name: str
    target: Target
    submodules: Mapping[str, SubmodulePlan] = field(default_factory=dict)
    calibration: Calibration = Calibration()
    reduce_range: bool = True

    def of(self, submodule: str) -> SubmodulePlan:
        """The plan of one submodule."""
        return self.submodules.get(submodule, SubmodulePlan())

    def with_submodule(self, name: str, submodule: str, plan: SubmodulePlan) -> PrecisionPlan:
        """A plan of another name that differs in one submodule."""
        return replace(self, name=name, submodules={**self.submodules, submodule: plan})

    def as_dict(self) -> dict[str, Any]:
        """JSON-ready fields, all five submodules stated."""
        return {
            "name": self.name,
            "target": self.target,
            "submodules": {name: self.of(name).as_dict() for name in SUBMODULES},
            "calibration": asdict(self.calibration),
            "reduce_range": self.reduce_range,
        }

    def digest(self) -> str:
        """Hex SHA-256 of what the plan does; its name is not part of it."""
        fields = {key: value for key, value in self.as_dict().items() if key != "name"}
        return hashlib.sha256(json.dumps(fields, sort_keys=True).encode()).hexdigest()


def plan_from_dict(fields: Mapping[str, Any]) -> PrecisionPlan:
    """Read a plan, as of TOML or JSON.

    Raises:
        UsageError: a field is unknown or not of the right kind.
    """
    from pydantic import TypeAdapter, ValidationError

    try:
        plan = TypeAdapter(PrecisionPlan).validate_python(dict(fields))
    except ValidationError as error:
        first = error.errors()[0]
        raise _refused(
            f"{'.'.join(map(str, first['loc']))}: {first['msg'].removeprefix('Value error, ')}"
        ) from error
    odd = set(plan.submodules) - set(SUBMODULES)
    if odd:
        raise _refused(f"there is no submodule {', '.join(sorted(odd))}")
    return plan


def _refused(why: str) -> UsageError:
    return UsageError(
        "the precision plan cannot be read",
        why=why,
        fix="correct it as docs/guides/precision.md describes",
    )
