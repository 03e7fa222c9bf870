"""A running speech process and the pipes to it."""

from __future__ import annotations

import json
import os
import select
import subprocess
import sys
import time
from collections import deque
from pathlib import Path
from threading import Thread
from typing import IO, Any

from runtime.errors import SpeechError
from runtime.processes import signal_name

_ROOT = Path(__file__).resolve().parent.parent.parent
_FIX = "see that the speech model is whole (sgmn doctor); the speech process can be started again"
_LONGEST_ANSWER = 1 << 20


class SpeechProcess:
    """``python -m runtime.speech.worker`` with a deadline on everything it is asked.

    One thread talks to it; ``close`` may come from any.
    """

    def __init__(self, model: Path) -> None:
        # The working folder makes this very package the one that is found.
        self._process = subprocess.Popen(
            [sys.executable, "-m", "runtime.speech.worker", str(model)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            bufsize=0,
            cwd=_ROOT,
            start_new_session=True,
        )
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        assert self._process.stderr is not None
        self._stdin, self._stdout = self._process.stdin, self._process.stdout
        os.set_blocking(self._stdin.fileno(), False)
        os.set_blocking(self._stdout.fileno(), False)
        self._received = b""
        self._said: deque[str] = deque(maxlen=1)
        self._listener = Thread(
            target=_keep_last_line, args=(self._process.stderr, self._said), daemon=True
        )
        self._listener.start()

    @property
    def pid(self) -> int:
        """Process id."""
        return self._process.pid

    def memory_bytes(self) -> int:
        """Resident memory of the process, 0 where the system does not tell."""
        try:
            pages = Path(f"/proc/{self.pid}/statm").read_text(encoding="ascii").split()[1]
        except (OSError, IndexError):
            return 0
        return int(pages) * os.sysconf("SC_PAGE_SIZE")

    def ask(self, request: bytes, timeout_s: float) -> dict[str, Any]:
        """Send a request and wait for its answer.

        Raises:
            SpeechError: the process has died, is silent, or refuses; it is of no more use.
        """
        deadline = time.monotonic() + timeout_s
        try:
            self._send(request, deadline, timeout_s)
            return self._answer(deadline, timeout_s)
        except (OSError, ValueError) as failure:  # ValueError: closed by another thread
            raise self._dead(str(failure)) from failure

    def answer(self, timeout_s: float) -> dict[str, Any]:
        """Wait for a line that was not asked for; errors as in ``ask``."""
        return self.ask(b"", timeout_s)

    def close(self) -> None:
        """End the process. It holds nothing worth saving, so it is not asked but killed."""
        self._process.kill()
        self._process.wait()
        self._listener.join(timeout=1)
        for pipe in (self._stdin, self._stdout):
            pipe.close()

    def _send(self, request: bytes, deadline: float, timeout_s: float) -> None:
        rest = memoryview(request)
        while rest:
            self._wait([], [self._stdin], deadline, timeout_s)
            rest = rest[os.write(self._stdin.fileno(), rest) :]

    def _answer(self, deadline: float, timeout_s: float) -> dict[str, Any]:
        while b"\n" not in self._received:
            self._wait([self._stdout], [], deadline, timeout_s)
            piece = os.read(self._stdout.fileno(), 1 << 16)
            if not piece or len(self._received) > _LONGEST_ANSWER:
                raise self._dead("it stopped answering")
            self._received += piece
        line, _, self._received = self._received.partition(b"\n")
        answer: dict[str, Any] = json.loads(line)
        if "error" in answer:
            raise self._dead(f"it refused: {answer['error']}")
        return answer

    def _wait(
        self, reads: list[IO[bytes]], writes: list[IO[bytes]], deadline: float, timeout_s: float
    ) -> None:
        left_s = max(0.0, deadline - time.monotonic())
        readable, writable, _ = select.select(reads, writes, [], left_s)
        if not readable and not writable:
            raise SpeechError(
                "speech recognition does not answer",
                why=f"its process {self.pid} was silent for {timeout_s:g} s",
                fix="it can be started again; if it happens often, use a smaller speech model",
            )

    def _dead(self, why: str) -> SpeechError:
        try:
            code: int | None = self._process.wait(timeout=0.5)
        except subprocess.TimeoutExpired:
            code = None
        if code is not None and code < 0:
            why = f"its process was ended by {signal_name(-code)}"
        self._listener.join(timeout=0.5)
        said = f" ({self._said[-1]})" if self._said else ""
        return SpeechError("speech recognition stopped", why=why + said, fix=_FIX)


def _keep_last_line(pipe: IO[bytes], said: deque[str]) -> None:
    with pipe:
        for line in pipe:
            text = line.decode("utf-8", "replace").strip()
            if text:
                said.append(text[:300])
