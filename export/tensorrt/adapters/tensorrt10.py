"""TensorRT 10: strongly typed networks, which compute in the types of the graph."""

from __future__ import annotations

from typing import Any

from export.tensorrt.adapters.adapter import Report
from export.tensorrt.adapters.monitor import progress_monitor


class TensorRt10:
    """See `Adapter`. No precision is set: the flags are deprecated and refused beside the type."""

    generation = "10.0"

    def network_flags(self, trt: Any) -> int:
        """See `Adapter.network_flags`."""
        return 1 << int(trt.NetworkDefinitionCreationFlag.STRONGLY_TYPED)

    def configure(self, trt: Any, network: Any, config: Any) -> tuple[str, ...]:
        """See `Adapter.configure`."""
        return ("STRONGLY_TYPED",)

    def watch(self, trt: Any, config: Any, report: Report) -> Any:
        """See `Adapter.watch`."""
        monitor = progress_monitor(trt, report)
        config.progress_monitor = monitor
        return monitor

    def node_of(self, error: Any) -> str:
        """See `Adapter.node_of`."""
        return f"{error.node_name() or error.node()} ({error.node_operator()})"
