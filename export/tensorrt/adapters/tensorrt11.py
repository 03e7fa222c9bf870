"""TensorRT 11: every network is strongly typed; flags for precision are gone."""

from __future__ import annotations

from typing import Any

from export.tensorrt.adapters.tensorrt10 import TensorRt10


class TensorRt11(TensorRt10):
    """See `Adapter`."""

    generation = "11.0"

    def network_flags(self, trt: Any) -> int:
        """See `Adapter.network_flags`."""
        return 0
