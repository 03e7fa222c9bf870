"""What TensorRT says while it builds."""

from __future__ import annotations

import re
from collections import deque
from typing import Any

KEPT = 4

_PEAK = re.compile(
    r"Peak memory usage of TRT CPU/GPU memory allocators: CPU \d+ MiB, GPU (\d+) MiB"
)
_NOISE = re.compile(r"^\s*$")


class Messages:
    """Keeps the latest errors and the largest use of GPU memory; prints nothing."""

    def __init__(self) -> None:
        self.gpu_peak_bytes = 0
        self._errors: deque[str] = deque(maxlen=KEPT)

    @property
    def errors(self) -> str:
        """The latest errors in one line."""
        return "; ".join(self._errors) or "TensorRT gives no reason"

    def note(self, message: str, *, severe: bool) -> None:
        """Take a message of the logger."""
        peak = _PEAK.search(message)
        if peak:
            self.gpu_peak_bytes = max(self.gpu_peak_bytes, int(peak[1]) << 20)
        if severe and not _NOISE.match(message):
            self._errors.append(" ".join(message.split()))

    def logger(self, trt: Any) -> Any:
        """An ``ILogger`` that tells this object."""
        note = self.note
        severe = (trt.ILogger.Severity.INTERNAL_ERROR, trt.ILogger.Severity.ERROR)

        class Logger(trt.ILogger):
            def __init__(self) -> None:
                # TensorRT's bindings refuse super().__init__().
                trt.ILogger.__init__(self)

            def log(self, severity: Any, message: str) -> None:
                note(str(message), severe=severity in severe)

        return Logger()
