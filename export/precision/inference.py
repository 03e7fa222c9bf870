"""Sessions to compare graphs in."""

from __future__ import annotations

from pathlib import Path
from typing import Any


def session(file: Path, *, simulated: bool = False) -> Any:
    """An ONNX Runtime session on one thread of the processor.

    Args:
        file: the ONNX file.
        simulated: run a graph made for TensorRT as TensorRT computes it: every operator by itself,
            so that Q/DQ pairs round and everything between them is float. With fusion on, ONNX
            Runtime would run 8-bit kernels, which saturate on AVX2 where TensorRT does not.
    """
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    options.intra_op_num_threads = 1
    if simulated:
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    return onnxruntime.InferenceSession(str(file), options, providers=["CPUExecutionProvider"])
