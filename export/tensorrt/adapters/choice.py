"""The adapter for a release of TensorRT."""

from __future__ import annotations

from export.tensorrt.adapters.adapter import Adapter
from export.tensorrt.adapters.tensorrt8 import TensorRt8
from export.tensorrt.adapters.tensorrt10 import TensorRt10
from export.tensorrt.adapters.tensorrt11 import TensorRt11
from export.tensorrt.versions import parse_version


def adapter_for(version: str) -> Adapter:
    """The adapter of the newest generation that is not newer than the release."""
    known: tuple[Adapter, ...] = (TensorRt11(), TensorRt10(), TensorRt8())
    asked = parse_version(version)
    return next((a for a in known if parse_version(a.generation) <= asked), known[-1])
