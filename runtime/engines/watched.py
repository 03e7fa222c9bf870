"""An engine whose runs are looked at while they happen."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from runtime.engines.engine import Array, Engine, TensorSpec
from runtime.lifecycle import Closable

Watch = Callable[[Mapping[str, Array], Mapping[str, Array]], None]
"""Is given what went in and what came out; both are valid only until the next run."""


class WatchedEngine(Closable):
    """Runs an engine and shows every run to a function.

    Args:
        engine: open; closed with this one.
        watch: called after every run.
    """

    def __init__(self, engine: Engine, watch: Watch) -> None:
        self._engine = engine
        self._watch = watch

    @property
    def name(self) -> str:
        """As `Engine.name`."""
        return self._engine.name

    @property
    def provider(self) -> str:
        """As `Engine.provider`."""
        return self._engine.provider

    @property
    def inputs(self) -> tuple[TensorSpec, ...]:
        """As `Engine.inputs`."""
        return self._engine.inputs

    @property
    def outputs(self) -> tuple[TensorSpec, ...]:
        """As `Engine.outputs`."""
        return self._engine.outputs

    def run(self, feeds: Mapping[str, Array]) -> dict[str, Array]:
        """As `Engine.run`."""
        outputs = self._engine.run(feeds)
        self._watch(feeds, outputs)
        return outputs

    def close(self) -> None:
        """Close the engine."""
        self._engine.close()


def copied(arrays: Mapping[str, Array]) -> dict[str, Array]:
    """Copies that no later run changes."""
    return {name: array.copy() for name, array in arrays.items()}
