"""From a submodule of a bundle to the engine that runs it."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from runtime.bundle.manifest import Tensor
from runtime.bundle.reader import Bundle
from runtime.engines.engine import Engine, TensorSpec
from runtime.engines.onnxruntime_engine import OnnxRuntimeEngine
from runtime.engines.settings import EngineSettings

EngineFactory = Callable[[Bundle, str, EngineSettings], Engine]
"""Makes the engine of one submodule of a verified bundle; entered, and so opened, by its user."""


def onnxruntime_engine(bundle: Bundle, name: str, settings: EngineSettings) -> OnnxRuntimeEngine:
    """The submodule's ONNX file in ONNX Runtime."""
    part = bundle.manifest.submodules[name]
    return OnnxRuntimeEngine(
        name,
        bundle.folder / part.file,
        specs(part.inputs),
        specs(part.outputs),
        settings,
        precision=part.precision,
    )


def specs(tensors: Sequence[Tensor]) -> tuple[TensorSpec, ...]:
    """Tensors of a manifest as engines check them."""
    return tuple(TensorSpec(t.name, t.dtype, t.shape) for t in tensors)
