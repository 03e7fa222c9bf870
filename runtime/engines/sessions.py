"""ONNX Runtime sessions: the options of each provider, and which provider really runs.

ONNX Runtime takes another provider than asked for without an error: where a GPU's libraries do not
load, for every operation that a provider lacks, and from the first run on that fails on a provider.
Source: microsoft/onnxruntime#17394, #23372; `onnxruntime.InferenceSession`.
"""

from __future__ import annotations

import sys
from contextlib import redirect_stdout
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from runtime.engines.settings import EngineSettings

if TYPE_CHECKING:
    import onnxruntime

CPU: Final = "CPUExecutionProvider"
CUDA: Final = "CUDAExecutionProvider"
TENSORRT: Final = "TensorrtExecutionProvider"

NAMES: Final = {"cpu": CPU, "cuda": CUDA, "ort-tensorrt": TENSORRT}
"""ONNX Runtime's names."""


def open_session(file: Path, settings: EngineSettings, precision: str) -> Any:
    """Load an ONNX file; on which provider, `providers_used` tells.

    Args:
        file: the graph.
        settings: provider, threads, fallback.
        precision: of the graph: fp32, fp16 or int8.

    Raises:
        Exception: of any kind, from ONNX Runtime.
    """
    import onnxruntime

    name = NAMES[settings.provider]
    # Of a provider that it replaces it tells on stdout, where commands print their JSON.
    with redirect_stdout(sys.stderr):
        session = onnxruntime.InferenceSession(
            str(file),
            session_options(settings),
            providers=[(name, provider_options(settings, precision))],
        )
    # Else a run in which the provider fails would be done by another, and all after it.
    session.disable_fallback()
    return session


def session_options(settings: EngineSettings) -> onnxruntime.SessionOptions:
    """Options for a small machine that does other things as well."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    # Counted here: ONNX Runtime would count cores that a container may not use, and pin to them.
    options.intra_op_num_threads = settings.thread_count
    # Waiting threads must not spin: five sessions share the cores with speech and capture.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    if settings.provider != "cpu":
        options.add_session_config_entry("session.record_ep_graph_assignment_info", "1")
        if settings.fallback == "forbid":
            options.add_session_config_entry("session.disable_cpu_ep_fallback", "1")
    return options


def provider_options(settings: EngineSettings, precision: str) -> dict[str, str]:
    """Options of the provider. Source: ONNX Runtime, pages of the execution providers."""
    if settings.provider == "cpu":
        return {}
    if settings.provider == "cuda":
        # FP32 is FP32; memory grows by what is needed, not to the next power of two; algorithms
        # are chosen by rule, since trying them all takes seconds for every new batch.
        return {
            "use_tf32": "0",
            "arena_extend_strategy": "kSameAsRequested",
            "cudnn_conv_algo_search": "HEURISTIC",
        }
    # No cache of engines: its plans are code that nothing vouches for, as `sgmn build` does.
    return {
        "trt_int8_enable": str(int(precision == "int8")),
        "trt_fp16_enable": str(int(precision == "fp16")),
    }


def providers_used(session: Any) -> list[str]:
    """The providers that operations of a session run on, the one with most of them first.

    An older ONNX Runtime does not tell; then those that may.
    """
    offered: list[str] = session.get_providers()
    if offered == [CPU]:
        return offered
    told: list[Any] = getattr(session, "get_provider_graph_assignment_info", list)()
    counts: dict[str, int] = {}
    for part in told:
        counts[part.ep_name] = counts.get(part.ep_name, 0) + len(part.get_nodes())
    return sorted(counts, key=lambda name: -counts[name]) or offered
