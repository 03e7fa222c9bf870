"""The engine protocol: what every provider (ONNX Runtime, TensorRT, a fake) offers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt

from runtime.errors import EngineError

Array = npt.NDArray[Any]


@dataclass(frozen=True)
class TensorSpec:
    """Name, element type and shape of one input or output.

    Attributes:
        name: the tensor's name in the contract.
        dtype: NumPy name of the element type: ``uint8``, ``int64``, ``float32``, ``float16``.
        shape: an integer where the size is fixed, a letter (``N``, ``L``) where it may vary.
    """

    name: str
    dtype: str
    shape: tuple[int | str, ...]

    def accepts(self, array: Array) -> bool:
        """Whether an array has this element type and fits this shape."""
        return (
            array.dtype == np.dtype(self.dtype)
            and array.ndim == len(self.shape)
            and all(
                isinstance(s, str) or s == n for s, n in zip(self.shape, array.shape, strict=True)
            )
        )


def check_feeds(name: str, specs: Sequence[TensorSpec], feeds: Mapping[str, Array]) -> None:
    """Refuse inputs that are missing or do not fit.

    Args:
        name: of the submodule.
        specs: its inputs.
        feeds: arrays by the names of inputs.

    Raises:
        EngineError: naming the first that does not fit.
    """
    for spec in specs:
        array = feeds.get(spec.name)
        if array is None or not spec.accepts(array):
            found = "nothing" if array is None else f"{array.dtype} {list(array.shape)}"
            raise EngineError(
                f"{name} got a wrong input {spec.name}",
                why=f"it takes {spec.dtype} {list(spec.shape)} and got {found}",
                fix="use a catalog and a bundle that belong together",
            )


@runtime_checkable
class Engine(Protocol):
    """One loaded submodule.

    ``provider`` names what really runs it, never what was merely asked for. ``close`` may be called
    in any state and more than once.
    """

    @property
    def name(self) -> str:
        """The submodule's name in the contract."""

    @property
    def provider(self) -> str:
        """The provider in use, e.g. ``onnxruntime:CPUExecutionProvider``."""

    @property
    def inputs(self) -> tuple[TensorSpec, ...]:
        """The inputs, in the contract's order."""

    @property
    def outputs(self) -> tuple[TensorSpec, ...]:
        """The outputs, in the contract's order."""

    def run(self, feeds: Mapping[str, Array]) -> dict[str, Array]:
        """Run once.

        Raises:
            EngineError: an input is missing or does not fit its spec, or the provider failed.
        """

    def close(self) -> None:
        """Free the engine."""

    def __enter__(self) -> Engine:
        """Use the engine in a ``with`` block."""

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close it."""
