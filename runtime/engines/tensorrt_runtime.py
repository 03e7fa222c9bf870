"""TensorRT itself: loading a plan, and what it says when it cannot. Releases 8.6 to 11."""

from __future__ import annotations

from collections import deque
from importlib import import_module
from typing import Any

from runtime.errors import GpuError, GpuReason

_KEPT_MESSAGES = 3
_MEMORY_WORDS = ("out of memory", "outofmemory", "cudaerrormemoryallocation", "insufficient memory")


def load_tensorrt() -> Any:
    """The ``tensorrt`` module. Ask the driver before: without one TensorRT crashes.

    Raises:
        GpuError: it is not installed, or one of its libraries is missing (``no-tensorrt``).
    """
    try:
        return import_module("tensorrt")
    except (ImportError, OSError) as error:
        raise GpuError(
            "TensorRT cannot be used",
            reason="no-tensorrt",
            why=f"its Python module cannot be loaded ({error})",
            fix="install NVIDIA TensorRT; a Jetson has it from JetPack, see docs/guides/kiosk.md",
        ) from error


def memory_ran_out(said: str) -> bool:
    """Whether what TensorRT said means that there was not enough memory."""
    return any(words in said.lower() for words in _MEMORY_WORDS)


class TensorRtRuntime:
    """Loads plans. Used on the thread of the device, and kept as long as what it loaded.

    Args:
        module: of `load_tensorrt`.
    """

    def __init__(self, module: Any) -> None:
        self.module = module
        self._messages: deque[str] = deque(maxlen=_KEPT_MESSAGES)
        self._logger: Any = None
        self._runtime: Any = None

    @property
    def version(self) -> str:
        """Full version of TensorRT, e.g. ``10.3.0``."""
        return str(self.module.__version__)

    def load(self, plan: bytes) -> Any:
        """Make an engine of a plan that was verified: a plan carries code.

        Raises:
            GpuError: TensorRT does not take it, or memory is short.
        """
        if self._runtime is None:
            self._logger = _logger(self.module, self._messages)
            self._runtime = self._start()
        self._messages.clear()
        engine = self._runtime.deserialize_cuda_engine(plan)
        if engine is None:
            raise self.failure("the engine does not load")
        return engine

    def failure(self, what: str, fix: str = "run `sgmn build`") -> GpuError:
        """The error for a call that failed, with what TensorRT said of it.

        Args:
            what: failed.
            fix: what to do, unless memory ran out.
        """
        said = "; ".join(self._messages) or "TensorRT gives no reason"
        short = memory_ran_out(said)
        reason: GpuReason = "out-of-memory" if short else "tensorrt"
        fix = "end other programs that use the GPU" if short else fix
        return GpuError(what, reason=reason, why=said, fix=fix)

    def _start(self) -> Any:
        try:
            return self.module.Runtime(self._logger)
        except TypeError as error:  # of bindings whose library gave them nothing
            fix = "update the NVIDIA driver; check that other programs can use the GPU"
            raise self.failure(f"TensorRT {self.version} does not start", fix) from error

    def close(self) -> None:
        """Free the runtime, before its device is closed; legal in every state."""
        self._runtime = None
        self._logger = None


def _logger(module: Any, messages: deque[str]) -> Any:
    """A logger that keeps the latest errors instead of printing them."""
    severe = (module.ILogger.Severity.INTERNAL_ERROR, module.ILogger.Severity.ERROR)

    class Logger(module.ILogger):  # type: ignore[misc]
        def __init__(self) -> None:
            # TensorRT's bindings refuse super().__init__().
            module.ILogger.__init__(self)

        def log(self, severity: Any, message: str) -> None:
            if severity in severe:
                messages.append(str(message).strip())

    return Logger()
