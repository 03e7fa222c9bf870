"""Memory that a session reads and writes in place, kept from run to run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from runtime.engines.engine import Array, TensorSpec


class Binding:
    """Inputs and outputs bound to one ONNX Runtime session on the processor.

    An input is read where the caller has it, and bound again only when it is another array than
    last time. Outputs are written to memory that is made once for each size and copied on return,
    so that no later run changes a result that a caller keeps.

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
        self._specs = tuple(inputs)
        self._given: dict[str, Array] = {}
        self._results = {spec.name: np.empty(0, spec.dtype) for spec in outputs}
        self._outputs = tuple(outputs)
        self._sizes: dict[str, int] | None = None

    def run(self, feeds: Mapping[str, Array]) -> dict[str, Array]:
        """Run once on arrays that fit the specs.

        Raises:
            Exception: of any kind, from ONNX Runtime.
        """
        sizes: dict[str, int] = {}
        for spec in self._specs:
            array = feeds[spec.name]
            sizes.update(_letters(spec, array.shape))
            if self._given.get(spec.name) is not array:
                self._give(spec.name, array)
        if sizes != self._sizes:
            self._make_results(sizes)
        self._session.run_with_iobinding(self._binding)
        return {name: result.copy() for name, result in self._results.items()}

    def _give(self, name: str, array: Array) -> None:
        plain = np.ascontiguousarray(array)
        self._bind(self._binding.bind_input, name, plain)
        # Kept, so that the memory stays. A copy of scattered memory is another array than the one
        # given, and so is made anew in the next run: its origin may have changed.
        self._given[name] = plain

    def _make_results(self, sizes: dict[str, int]) -> None:
        for spec in self._outputs:
            shape = [sizes[s] if isinstance(s, str) else s for s in spec.shape]
            result = self._results[spec.name] = np.empty(shape, spec.dtype)
            self._bind(self._binding.bind_output, spec.name, result)
        self._sizes = sizes

    def _bind(self, bind: Any, name: str, array: Array) -> None:
        bind(name, "cpu", 0, array.dtype, array.shape, array.ctypes.data)


def _letters(spec: TensorSpec, shape: Sequence[int]) -> dict[str, int]:
    """The sizes that a spec leaves open."""
    return {s: n for s, n in zip(spec.shape, shape, strict=True) if isinstance(s, str)}
