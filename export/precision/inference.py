"""Sessions to compare graphs in."""

from __future__ import annotations

from pathlib import Path
from typing import Any


def session(graph: Path | Any) -> Any:
    """An ONNX Runtime session on one thread of the processor.

    Args:
        graph: an ONNX file, or an `onnx.ModelProto` below 2 GB.
    """
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    options.intra_op_num_threads = 1
    source = str(graph) if isinstance(graph, Path) else graph.SerializeToString()
    return onnxruntime.InferenceSession(source, options, providers=["CPUExecutionProvider"])
