"""What an adapter must know of its generation of TensorRT."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

Report = Callable[[str, int, int], None]
"""Told of progress: name of the phase, steps done, steps in all."""


class Adapter(Protocol):
    """One generation of TensorRT. ``trt`` is its module, networks and configs are its objects."""

    @property
    def generation(self) -> str:
        """Its first release."""

    def network_flags(self, trt: Any) -> int:
        """Flags that a network is created with, as a bit mask."""

    def configure(self, trt: Any, network: Any, config: Any) -> tuple[str, ...]:
        """Make TensorRT compute in the precision that the graph states.

        Args:
            trt: the module.
            network: an ``INetworkDefinition`` that holds the parsed graph.
            config: an ``IBuilderConfig``.

        Returns:
            Names of all flags that the build is made with, of network and builder.
        """

    def watch(self, trt: Any, config: Any, report: Report) -> Any:
        """Have progress reported during the build; what is returned must be kept until its end."""

    def node_of(self, error: Any) -> str:
        """The node that a ``ParserError`` is about, as far as this generation tells."""
