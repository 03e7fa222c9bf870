"""Engines being built in another process, while this one serves without them.

TensorRT's builder takes minutes and much memory, and may crash: it never runs in the process of a
kiosk.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import IO, Literal

from runtime.errors import GpuReason
from runtime.home import environment
from runtime.lifecycle import Openable

REBUILT: frozenset[GpuReason] = frozenset(
    {
        "no-engine",
        "tensorrt-version",
        "gpu",
        "compute-capability",
        "platform",
        "other-graph",
        "swapped-submodule",
        "damaged",
        "self-test",
        "tensorrt",
    }
)
"""Reasons that building the engines anew does away with."""

STOP_S = 5.0
_TOLD_BYTES = 2000
_ROOT = Path(__file__).resolve().parents[2]

State = Literal["running", "done", "failed"]


class Rebuild(Openable):
    """One run of ``sgmn build`` at the lowest priority.

    Args:
        bundle: folder of the bundle.
        command: what runs instead of ``sgmn build``.
    """

    def __init__(self, bundle: Path, command: Sequence[str] | None = None) -> None:
        self._command = list(command or build_command(bundle))
        self._process: subprocess.Popen[bytes] | None = None
        self._output: IO[bytes] | None = None

    def open(self) -> Rebuild:
        """Start it; waits for nothing."""
        if self._process is None:
            self._output = tempfile.TemporaryFile()  # noqa: SIM115 - closed by close()
            self._process = subprocess.Popen(
                [*_politely(), *self._command],
                cwd=_ROOT,
                env=environment(),
                stdin=subprocess.DEVNULL,
                stdout=self._output,
                stderr=self._output,
            )
        return self

    @property
    def state(self) -> State:
        """How far it is; ``failed`` before it is opened."""
        code = 1 if self._process is None else self._process.poll()
        return "running" if code is None else "failed" if code else "done"

    @property
    def told(self) -> str:
        """The last line that it printed; of an error as JSON, what and why."""
        if self._output is None or self._output.closed:
            return ""
        size = self._output.seek(0, 2)
        self._output.seek(max(0, size - _TOLD_BYTES))
        lines = self._output.read().decode("utf-8", "replace").strip().splitlines()
        return _in_words(lines[-1].strip()) if lines else ""

    def wait(self) -> State:
        """Wait until it ends."""
        if self._process is not None:
            self._process.wait()
        return self.state

    def close(self) -> None:
        """End it; legal in every state. What it has finished stays."""
        if self._process is not None and self._process.poll() is None:
            self._process.terminate()
            try:
                self._process.wait(STOP_S)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
        if self._output is not None:
            self._output.close()


def _in_words(line: str) -> str:
    try:
        error = json.loads(line)["error"]
        return f"{error['what']}: {error['why']}"
    except (ValueError, KeyError, TypeError):
        return line


def build_command(bundle: Path) -> list[str]:
    """``sgmn build`` of this very installation."""
    program = [sys.executable, "-m", "runtime.commands.entry"]
    return [*program, "build", str(bundle.absolute()), "--json"]


def _politely() -> list[str]:
    """Behind all that shows and hears: the kiosk needs the processor."""
    nice = shutil.which("nice")
    return [nice, "-n", "19"] if nice else []
