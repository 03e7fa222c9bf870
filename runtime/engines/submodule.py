"""What every engine knows of the submodule it runs."""

from __future__ import annotations

from runtime.engines.engine import TensorSpec
from runtime.lifecycle import Openable


class SubmoduleEngine(Openable):
    """Name and contract of one submodule.

    Args:
        name: the submodule's name.
        inputs: the specs that the bundle's manifest promises.
        outputs: likewise.
    """

    def __init__(
        self, name: str, inputs: tuple[TensorSpec, ...], outputs: tuple[TensorSpec, ...]
    ) -> None:
        self._name = name
        self._inputs = inputs
        self._outputs = outputs

    @property
    def name(self) -> str:
        """The submodule's name in the contract."""
        return self._name

    @property
    def inputs(self) -> tuple[TensorSpec, ...]:
        """The inputs, in the contract's order."""
        return self._inputs

    @property
    def outputs(self) -> tuple[TensorSpec, ...]:
        """The outputs, in the contract's order."""
        return self._outputs
