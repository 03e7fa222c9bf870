"""Inputs and outputs of a loaded TensorRT engine, held against the bundle's manifest."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from runtime.engines.engine import TensorSpec
from runtime.errors import GpuError

_DTYPES = {
    "FLOAT": "float32",
    "HALF": "float16",
    "INT8": "int8",
    "INT32": "int32",
    "INT64": "int64",
    "BOOL": "bool",
    "UINT8": "uint8",
}
"""By the name of TensorRT's type; a release knows some of them."""

_NARROWED = {"int64": "int32"}
"""Types that TensorRT 8.6 has instead of the contract's."""


@dataclass(frozen=True)
class Binding:
    """One input or output on the device.

    Attributes:
        name: of the tensor.
        dtype: NumPy name of its element type on the device.
        largest: of an input, its largest shape; of an output, the shape for those.
        address: on the device, 0 before it is allocated.
    """

    name: str
    dtype: str
    largest: tuple[int, ...]
    address: int = 0

    def size_bytes(self, shape: Sequence[int]) -> int:
        """Bytes of an array of that shape."""
        return int(np.prod(shape, dtype=np.int64)) * np.dtype(self.dtype).itemsize

    def at(self, address: int, shape: tuple[int, ...]) -> Binding:
        """The same with memory behind it."""
        return replace(self, address=address, largest=shape)


def read_bindings(
    name: str, module: Any, engine: Any, specs: Sequence[TensorSpec]
) -> dict[str, Binding]:
    """The engine's tensors by name.

    Args:
        name: the submodule that it must be.
        module: ``tensorrt``.
        engine: an ``ICudaEngine``.
        specs: what the manifest promises of its inputs and outputs.

    Raises:
        GpuError: they are not those of the manifest (``swapped-submodule``).
    """
    tensors = set(map(engine.get_tensor_name, range(engine.num_io_tensors)))
    promised = {spec.name for spec in specs}
    if tensors != promised:
        raise _other(name, f"tensors {sorted(promised ^ tensors)} differ")
    found = {}
    # No comprehension: until Python 3.12 an error in one keeps the engine in its closure.
    for spec in specs:
        found[spec.name] = _binding(name, module, engine, spec)
    return found


def _binding(name: str, module: Any, engine: Any, spec: TensorSpec) -> Binding:
    kind = engine.get_tensor_dtype(spec.name)
    dtype = _DTYPES.get(kind.name, kind.name)
    if dtype not in (spec.dtype, _NARROWED.get(spec.dtype)):
        raise _other(name, f"{spec.name} is {dtype} instead of {spec.dtype}")
    shape = tuple(engine.get_tensor_shape(spec.name))
    is_input = engine.get_tensor_mode(spec.name) == module.TensorIOMode.INPUT
    if is_input and -1 in shape:
        # The one profile that every plan is built with: least, usual and largest shape.
        shape = tuple(engine.get_tensor_profile_shape(spec.name, 0)[2])
    if not _fits(spec.shape, shape):
        raise _other(name, f"{spec.name} is {list(shape)} instead of {list(spec.shape)}")
    return Binding(spec.name, dtype, shape)


def _fits(promised: tuple[int | str, ...], found: tuple[int, ...]) -> bool:
    return len(promised) == len(found) and all(
        isinstance(wanted, str) or wanted == size
        for wanted, size in zip(promised, found, strict=True)
    )


def _other(name: str, why: str) -> GpuError:
    return GpuError(
        f"the engine is not the {name} that the manifest describes",
        reason="swapped-submodule",
        why=why,
        fix="run `sgmn build`",
    )
