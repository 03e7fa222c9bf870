"""Runs of a session that copy neither what goes in nor what comes out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from runtime.engines.engine import Array, TensorSpec


class Binding:
    """Inputs and outputs bound to one ONNX Runtime session on the processor.

    Inputs are read where the caller has them, unless their memory is scattered. Outputs are written
    to new arrays, which are the caller's: no later run changes them.

    Args:
        session: an open ``onnxruntime.InferenceSession``.
        inputs: its inputs.
        outputs: its outputs.
    """

    def __init__(
        self, session: Any, inputs: Sequence[TensorSpec], outputs: Sequence[TensorSpec]
    ) -> None:
        self._session = session
        self._binding = session.io_binding()
        self._inputs = tuple(inputs)
        self._outputs = tuple(outputs)

    def run(self, feeds: Mapping[str, Array]) -> dict[str, Array]:
        """Run once on arrays that fit the specs.

        Raises:
            Exception: of any kind, from ONNX Runtime.
        """
        sizes: dict[str, int] = {}
        for spec in self._inputs:
            array = feeds[spec.name]
            sizes.update(_letters(spec, array.shape))
            self._binding.bind_cpu_input(spec.name, array)
        results = {spec.name: self._bind_new(spec, sizes) for spec in self._outputs}
        self._session.run_with_iobinding(self._binding)
        return results

    def _bind_new(self, spec: TensorSpec, sizes: Mapping[str, int]) -> Array:
        result = np.empty([sizes[s] if isinstance(s, str) else s for s in spec.shape], spec.dtype)
        self._binding.bind_output(
            spec.name, "cpu", 0, result.dtype, result.shape, result.ctypes.data
        )
        return result


def _letters(spec: TensorSpec, shape: Sequence[int]) -> Iterator[tuple[str, int]]:
    """The sizes that a spec leaves open."""
    return ((s, n) for s, n in zip(spec.shape, shape, strict=True) if isinstance(s, str))
