"""Engines that must not run, and what is to be said of each."""

from __future__ import annotations

from typing import Final

EXPECTED: Final = {
    "as-built": "tensorrt",
    "missing-engine": "fallback:no-engine",
    "no-engines": "fallback:no-engine",
    "forbidden": "refused:no-engine",
    "other-gpu": "fallback:gpu",
    "other-compute-capability": "fallback:compute-capability",
    "other-tensorrt": "fallback:tensorrt-version",
    "other-platform": "fallback:platform",
    "other-graph": "fallback:other-graph",
    "truncated-plan": "fallback:damaged",
    "truncated-record": "fallback:damaged",
    "swapped-files": "fallback:swapped-submodule",
    "unsafe-folder": "fallback:unsafe-folder",
    "crash-loop": "fallback:crash-loop",
    "huge-workspace": "refused:build",
}
"""Outcome by case; none of them but the first lets TensorRT read a byte of what is wrong."""

TRIALS: Final = {
    "truncated-with-record": "fallback:tensorrt",
    "swapped-with-record": "fallback:swapped-submodule",
    "out-of-memory": "fallback:out-of-memory",
}
"""Cases in which TensorRT itself has to refuse, and so may crash: each in a process of its own."""
