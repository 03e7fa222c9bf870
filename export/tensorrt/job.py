"""What a worker is asked and what it answers, as JSON between two processes."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from runtime.bundle.manifest import Tensor


class _Message(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class ProbeJob(_Message):
    """What is there?"""

    device: int


class Probed(_Message):
    """Version of TensorRT, and device memory in bytes."""

    tensorrt: str
    free_bytes: int
    total_bytes: int


class BuildJob(_Message):
    """Build one engine.

    Attributes:
        submodule: its name.
        graph: the ONNX file.
        graph_sha256: hex SHA-256 that its bytes must have.
        inputs: the contract's.
        outputs: likewise.
        profile: least, usual and largest shape of inputs that vary.
        workspace_bytes: most that one layer may use as scratch memory.
        out: where the plan is to be written.
        timing_cache: this device's own.
        shipped_timing_cache: one to begin with besides.
        allow_fallback: take an engine in another precision than asked for.
        device: ordinal of the GPU.
    """

    submodule: str
    graph: Path
    graph_sha256: str
    inputs: tuple[Tensor, ...]
    outputs: tuple[Tensor, ...]
    profile: dict[str, tuple[tuple[int, ...], tuple[int, ...], tuple[int, ...]]]
    workspace_bytes: int
    out: Path
    timing_cache: Path
    shipped_timing_cache: Path | None = None
    allow_fallback: bool = False
    device: int = 0


class Built(_Message):
    """How a build went."""

    flags: tuple[str, ...]
    precision_found: dict[str, int]
    fallen: tuple[tuple[str, str, str], ...] = ()
    build_seconds: float
    peak_memory_bytes: int
    timing_cache_sha256: str
    notes: tuple[str, ...] = ()


class RunJob(_Message):
    """Run an engine on stored inputs.

    Attributes:
        submodule: its name.
        plan: the plan file.
        inputs: the contract's.
        outputs: likewise.
        feeds: NumPy archive of ``<case>/<input>``.
        out: where the archive of ``<case>/<output>`` is to be written.
        cases: names of the cases.
        device: ordinal of the GPU.
    """

    submodule: str
    plan: Path
    inputs: tuple[Tensor, ...]
    outputs: tuple[Tensor, ...]
    feeds: Path
    out: Path
    cases: tuple[str, ...]
    device: int = 0


class Ran(_Message):
    """The engine has run."""

    provider: str


@dataclass(frozen=True)
class Progress:
    """A build goes on.

    Attributes:
        phase: as TensorRT names it; empty where it tells nothing.
        done: steps.
        of: steps in all.
    """

    phase: str = ""
    done: int = 0
    of: int = 0


@dataclass(frozen=True)
class Failure:
    """Fields of an error that a worker met."""

    kind: str
    what: str
    why: str
    fix: str
    reason: str = field(default="")
