"""What a TensorRT engine was built for and with: the side-car beside every plan file.

A plan runs only with the TensorRT version, platform and GPU that built it, and TensorRT offers no
way to ask before loading. So the fingerprint stands in a file of its own, ``<name>.plan.json``, and
is compared before a byte of the plan is read. Source: NVIDIA/TensorRT#564, #2072, #3911.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from runtime.errors import EngineError

SIDE_CAR: Final = ".json"
MAX_SIDE_CAR_BYTES: Final = 1 << 20


class _Record(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Fingerprint(_Record):
    """The machine that an engine is for."""

    tensorrt: str = Field(description="full version, e.g. 10.3.0.30")
    cuda: str = Field(description="version of the CUDA runtime or driver API, e.g. 12.6")
    driver: str = Field(description="NVIDIA driver, or the L4T release on a Jetson")
    gpu: str = Field(description="name of the device")
    compute_capability: str = Field(description="e.g. 8.7")
    platform: str = Field(description="operating system and architecture, e.g. linux-aarch64")

    def differences(self, other: Fingerprint) -> dict[str, tuple[str, str]]:
        """Fields that differ, as (of this one, of the other)."""
        mine, theirs = self.model_dump(), other.model_dump()
        return {name: (mine[name], theirs[name]) for name in mine if mine[name] != theirs[name]}

    def key(self) -> str:
        """Name of the folder for engines of this machine: readable, safe as a file name."""
        raw = f"trt{self.tensorrt}-sm{self.compute_capability}-{self.gpu}-{self.platform}"
        return "".join(c if c.isalnum() or c in ".-" else "_" for c in raw)


class EngineRecord(_Record):
    """The side-car: everything about a plan file that must be known without opening it."""

    schema_version: Literal[1] = 1
    submodule: str
    plan_sha256: str = Field(pattern=r"^[0-9a-f]{64}$")
    plan_bytes: int = Field(gt=0)
    onnx_sha256: str = Field(pattern=r"^[0-9a-f]{64}$", description="of the source graph")
    fingerprint: Fingerprint
    profile: dict[str, tuple[list[int], list[int], list[int]]] = Field(
        default_factory=dict, description="least, usual and largest shape of every dynamic input"
    )
    flags: tuple[str, ...] = Field(default=(), description="builder flags and network flags")
    precision_asked: Literal["fp32", "fp16", "int8"]
    precision_found: dict[str, int] = Field(
        default_factory=dict, description="layers of the built engine by precision"
    )
    fell_back: tuple[str, ...] = Field(
        default=(),
        description="products in another precision than asked for, or an unknown one; allowed",
    )
    timing_cache_sha256: str | None = Field(
        default=None, pattern=r"^[0-9a-f]{64}$", description="of what TensorRT had measured"
    )
    build_seconds: float = Field(ge=0)
    peak_memory_bytes: int = Field(ge=0)
    parity: list[dict[str, Any]] = Field(default_factory=list)
    built_with: str = Field(description="version of sgmn-edge")


def side_car(plan: Path) -> Path:
    """Where the record of a plan file lies."""
    return plan.with_name(plan.name + SIDE_CAR)


def read_record(plan: Path) -> EngineRecord:
    """The side-car of a plan file.

    Raises:
        EngineError: it is missing, too large or not a record.
    """
    place = side_car(plan)
    try:
        with place.open("rb") as source:
            data = source.read(MAX_SIDE_CAR_BYTES + 1)
    except OSError as error:
        raise _unusable(plan, f"{place.name} cannot be read ({error.strerror})") from error
    if len(data) > MAX_SIDE_CAR_BYTES:
        raise _unusable(plan, f"{place.name} is larger than {MAX_SIDE_CAR_BYTES} bytes")
    try:
        return EngineRecord.model_validate(json.loads(data))
    except (ValidationError, ValueError, RecursionError) as error:
        raise _unusable(plan, f"{place.name} is not a record of an engine") from error


def _unusable(plan: Path, why: str) -> EngineError:
    return EngineError(f"the engine {plan.name} cannot be used", why=why, fix="run `sgmn build`")
