"""What a user may choose of a build, and what it came to."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from export.tensorrt.memory import MIB
from runtime.engines.cuda import Gpu
from runtime.engines.fingerprint import EngineRecord

Outcome = Literal["built", "kept", "copied"]


@dataclass(frozen=True)
class BuildOptions:
    """What a user may choose.

    Attributes:
        out: folder of all engines.
        exact: build the FP32 submodules instead of the graphs for TensorRT, to compare with.
        workspace_bytes: most that one layer may use as scratch memory.
        timing_cache: a cache made on a device of the same model, to begin with.
        device: ordinal of the GPU.
        rebuild: build also what is there and fits.
        allow_untested: only warn of releases that are not supported or known to fail.
        allow_fallback: take engines in another precision than asked for.
    """

    out: Path
    exact: bool = False
    workspace_bytes: int = 1024 * MIB
    timing_cache: Path | None = None
    device: int = 0
    rebuild: bool = False
    allow_untested: bool = False
    allow_fallback: bool = False


@dataclass(frozen=True)
class Finished:
    """One engine.

    Attributes:
        plan: its file.
        record: its side-car.
        outcome: built now, kept from an earlier build, or copied from another bundle's.
    """

    plan: Path
    record: EngineRecord
    outcome: Outcome


@dataclass(frozen=True)
class BuildReport:
    """What a build came to.

    Attributes:
        gpu: the device.
        tensorrt: version.
        folder: of the engines.
        timing_cache: file of what TensorRT measured; can be given to devices of the same model.
        engines: one a submodule.
        warnings: a sentence each.
    """

    gpu: Gpu
    tensorrt: str
    folder: Path
    timing_cache: Path
    engines: tuple[Finished, ...]
    warnings: tuple[str, ...]

    def as_dict(self) -> dict[str, Any]:
        """JSON-ready fields."""
        return {
            "gpu": asdict(self.gpu),
            "tensorrt": self.tensorrt,
            "folder": str(self.folder),
            "timing_cache": str(self.timing_cache),
            "engines": [
                {"plan": str(one.plan), "outcome": one.outcome, **one.record.model_dump()}
                for one in self.engines
            ],
            "warnings": list(self.warnings),
        }
