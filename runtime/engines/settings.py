"""How the network is to be run: asked for once, obeyed by every engine."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final, Literal

from runtime import machine

Provider = Literal["auto", "tensorrt", "cpu", "cuda", "ort-tensorrt"]
Fallback = Literal["forbid", "allow"]

GPU_BATCH: Final = 16


@dataclass(frozen=True)
class EngineSettings:
    """What runs the network, and with how much of the machine.

    Attributes:
        provider: ``tensorrt``, the engines of ``sgmn build``; ``auto``, those where they can be
            used; or what ONNX Runtime has: ``cpu``, ``cuda``, and ``ort-tensorrt``, which is
            TensorRT inside it.
        threads: of one run on the processor; 0 for as many as this process may use cores.
        fallback: whether the processor may run what the provider cannot: all of the network where
            there are no engines, or single operations that ONNX Runtime's providers lack. What it
            runs is told in any case (`runtime.engines.engine.Engine.provider`).
    """

    provider: Provider = "cpu"
    threads: int = 0
    fallback: Fallback = "forbid"

    @property
    def tries_engines(self) -> bool:
        """Whether the engines of ``sgmn build`` are to be used."""
        return self.provider in ("auto", "tensorrt")

    @property
    def without_engines(self) -> EngineSettings:
        """What holds where they cannot be used: ONNX Runtime on the processor."""
        return replace(self, provider="cpu") if self.tries_engines else self

    @property
    def thread_count(self) -> int:
        """Threads of one run, as a number."""
        return self.threads or machine.cores()

    @property
    def batch(self) -> int:
        """Pictures of one run of the frame encoder.

        On a processor one by one: sixteen at a time took longer for each, because what one layer
        leaves for the next no longer fits the caches, and kept seven times the memory.
        """
        return 1 if self.provider == "cpu" else GPU_BATCH


ON_PROCESSOR: Final = EngineSettings()
"""What holds where nothing was asked for."""

AUTO: Final = EngineSettings("auto", fallback="allow")
"""TensorRT engines where they can be used, else the processor."""
