"""TensorRT 8.6: flags allow precisions, and constraints hold it to those of the graph."""

from __future__ import annotations

from typing import Any

from export.tensorrt.adapters.adapter import Report
from export.tensorrt.network_view import NetworkView


class TensorRt8:
    """See `Adapter`.

    Its networks are weakly typed: once a flag allows FP16 or INT8, TensorRT computes any layer in
    it that is faster so, also those that the graph keeps in FP32 because they overflow
    (NVIDIA/TensorRT#4373). Such layers are bound to FP32. That is always possible, as every layer
    has an FP32 implementation, so that the constraints can be obeyed instead of preferred.

    Kernels of cuBLAS and cuDNN are left out, which later releases give up: loading cuDNN alone took
    586 MiB of a Jetson's one memory (NVIDIA/TensorRT#3917), in the build and again in the kiosk.
    """

    generation = "8.6"

    def network_flags(self, trt: Any) -> int:
        """See `Adapter.network_flags`."""
        return 1 << int(trt.NetworkDefinitionCreationFlag.EXPLICIT_BATCH)

    def configure(self, trt: Any, network: Any, config: Any) -> tuple[str, ...]:
        """See `Adapter.configure`."""
        view = NetworkView(trt, network)
        names = []
        if view.has_pairs:
            names.append("INT8")
        if view.has_half:
            names.append("FP16")
        if names:
            for layer in view.exact_layers():
                layer.precision = trt.DataType.FLOAT
            names.append("OBEY_PRECISION_CONSTRAINTS")
        for name in names:
            config.set_flag(getattr(trt.BuilderFlag, name))
        own = (trt.TacticSource.EDGE_MASK_CONVOLUTIONS, trt.TacticSource.JIT_CONVOLUTIONS)
        config.set_tactic_sources(sum(1 << int(source) for source in own))
        return ("EXPLICIT_BATCH", *names, "-CUBLAS", "-CUBLAS_LT", "-CUDNN")

    def watch(self, trt: Any, config: Any, report: Report) -> Any:
        """See `Adapter.watch`; this generation tells nothing."""
        return None

    def node_of(self, error: Any) -> str:
        """See `Adapter.node_of`."""
        return f"node {error.node()}"
