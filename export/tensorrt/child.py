"""Starts a worker, follows what it does, and turns its end into a result or an error."""

from __future__ import annotations

import json
import queue
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO, Any, cast

from pydantic import BaseModel

from export.tensorrt.job import Failure, Progress
from runtime.errors import BuildError, GpuError, SgmnError, StorageError
from runtime.processes import signal_name

Watch = Callable[[float, Progress], None]
"""Told every so often: seconds since the beginning, and how far the worker is."""

TICK_S = 10.0
WORKER = (sys.executable, "-m", "export.tensorrt.worker")

_ROOT = Path(__file__).resolve().parents[2]
_STDERR_TAIL = 2000


class Child:
    """Does jobs in processes of their own, one after the other.

    Args:
        command: starts a worker; None for the real one.
        tick_s: seconds between two reports.
    """

    def __init__(self, command: Sequence[str] | None = None, tick_s: float = TICK_S) -> None:
        self._command = command or WORKER
        self._tick_s = tick_s

    def do(self, kind: str, job: BaseModel, watch: Watch) -> dict[str, Any]:
        """Do one job.

        Args:
            kind: ``probe``, ``build`` or ``run``.
            job: of that kind; its paths are absolute.
            watch: told of progress, at least every tick.

        Returns:
            Fields of the result.

        Raises:
            BuildError: the worker refuses or crashes.
            GpuError: the GPU cannot be used.
            StorageError: a file cannot be written.
        """
        request = json.dumps({"kind": kind, "job": job.model_dump(mode="json")})
        with tempfile.TemporaryFile("w+", errors="replace") as said:
            # The working folder makes this very package the one that is found.
            with subprocess.Popen(
                self._command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=said,
                text=True,
                cwd=_ROOT,
            ) as process:
                try:
                    last = self._follow(process, request, watch)
                    code = process.wait()
                finally:
                    process.kill()
            if "result" in last:
                result: dict[str, Any] = last["result"]
                return result
            if "failure" in last:
                raise _error(Failure(**last["failure"]))
            said.seek(0)
            raise _crashed(kind, code, said.read()[-_STDERR_TAIL:])

    def _follow(self, process: subprocess.Popen[str], request: str, watch: Watch) -> dict[str, Any]:
        """Read events until the worker closes its end; the last one that is no progress."""
        given, events_of = cast("IO[str]", process.stdin), cast("IO[str]", process.stdout)
        events: queue.Queue[dict[str, Any] | None] = queue.Queue()
        reader = threading.Thread(target=_read, args=(events_of, events), daemon=True)
        reader.start()
        try:
            given.write(request)
            given.close()
        except BrokenPipeError:
            pass  # it is gone already; its exit code tells why
        began, latest = time.monotonic(), Progress()
        last: dict[str, Any] = {}
        told = began
        while True:
            try:
                event = events.get(timeout=self._tick_s)
            except queue.Empty:
                event = {}
            if event is None:
                reader.join()
                return last
            if "progress" in event:
                latest = Progress(**event["progress"])
            elif event:
                last = event
            now = time.monotonic()
            if now - told >= self._tick_s:
                told = now
                watch(now - began, latest)


def _read(stream: IO[str], events: queue.Queue[dict[str, Any] | None]) -> None:
    with stream, suppress(ValueError):  # closed by an interrupted parent
        for line in stream:
            event = _parsed(line)
            if event:
                events.put(event)
    events.put(None)


def _parsed(line: str) -> dict[str, Any]:
    """An event; nothing for what a library printed or a crash cut off."""
    try:
        event = json.loads(line)
    except ValueError:
        return {}
    return event if isinstance(event, dict) else {}


def _error(failure: Failure) -> SgmnError:
    if failure.kind == GpuError.code:
        return GpuError(
            failure.what,
            why=failure.why,
            fix=failure.fix,
            reason=failure.reason,  # type: ignore[arg-type]
        )
    kind = StorageError if failure.kind == StorageError.code else BuildError
    return kind(failure.what, why=failure.why, fix=failure.fix)


def _crashed(kind: str, code: int, said: str) -> BuildError:
    last = said.strip().splitlines()[-1:] or ["without a word"]
    doing = {"probe": "was asked what there is", "build": "built an engine", "run": "ran an engine"}
    if code == -signal.SIGKILL:
        return BuildError(
            "building was killed",
            why="most likely for want of memory; the kernel's log (dmesg) tells",
            fix="stop the kiosk and other programs, or give a smaller --workspace-mib",
        )
    ended = f"exit code {code}" if code >= 0 else signal_name(-code)
    return BuildError(
        f"TensorRT crashed when it {doing[kind]}",
        why=f"{ended}: {last[0]}",
        fix="see docs/guides/jetson.md for releases that work; the kiosk runs without engines",
    )
