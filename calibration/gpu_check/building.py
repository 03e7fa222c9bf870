"""Engines through the very path of `sgmn build`: precision found, time, memory, parity."""

from __future__ import annotations

from typing import Any

from calibration.gpu_check.lab import Lab, Tell
from export.tensorrt.bundle_builder import BuildOptions, BundleBuilder, Finished
from export.tensorrt.memory import MIB


def build(lab: Lab, tell: Tell, preset: str, precision: str) -> None:
    """Build the five engines of a network.

    One in another precision than asked for is taken, unlike by `sgmn build`, so that it is measured
    as well; `fell_back` names its products, and a goal counts them.

    Engines of an earlier run in the same work folder are kept, and `outcome` says so; their build
    seconds are those of then. Parity against ONNX Runtime is what the builder itself demands.

    Raises:
        BuildError: an engine cannot be built or computes something else.
        GpuError: there is no GPU.
    """
    bundle = lab.bundle(preset, precision)
    options = BuildOptions(
        out=lab.engines, workspace_bytes=lab.job.workspace_mib * MIB, allow_fallback=True
    )
    builder = BundleBuilder(bundle, options, lambda line: tell(latest=line), lab.make_child())
    report = builder.build()
    engines = [_engine(one) for one in report.engines]
    tell(
        engines=engines,
        build_seconds=round(sum(one["build_seconds"] for one in engines), 2),
        peak_memory_bytes=max(one["peak_memory_bytes"] for one in engines),
        warnings=list(report.warnings),
    )


def _engine(finished: Finished) -> dict[str, Any]:
    record = finished.record
    return {
        "submodule": record.submodule,
        "outcome": finished.outcome,
        "precision_asked": record.precision_asked,
        "precision_found": record.precision_found,
        "fell_back": list(record.fell_back),
        "flags": list(record.flags),
        "build_seconds": round(record.build_seconds, 2),
        "peak_memory_bytes": record.peak_memory_bytes,
        "plan_bytes": record.plan_bytes,
        "least_cosine": min((one["cosine"] for one in record.parity), default=None),
        "parity": record.parity,
    }
