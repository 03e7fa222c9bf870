"""A `sgmn` command in a process of its own, as a terminal or a service manager runs it."""

from __future__ import annotations

import os
import queue
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[3]
STAND_IN = ("-m", "tests.runtime.kiosk.stand_in_sgmn")
REAL = ("-c", "from runtime.commands.main import main; main()")
PATIENCE_S = 60.0


class Running:
    """A started command whose lines can be waited for."""

    def __init__(self, program: tuple[str, ...], *arguments: str, **environment: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, *program, *arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=REPOSITORY,
            env={**os.environ, "PYTHONUNBUFFERED": "1", **environment},
            start_new_session=True,
        )
        self.out: list[str] = []
        self.errors: list[str] = []
        self._news: queue.Queue[None] = queue.Queue()
        self._readers = [
            threading.Thread(target=self._read, args=pair, daemon=True)
            for pair in ((self.process.stdout, self.out), (self.process.stderr, self.errors))
        ]
        for reader in self._readers:
            reader.start()

    def line(self, part: str, *, error: bool = False) -> str:
        """Wait for a line that holds ``part``."""
        deadline = time.monotonic() + PATIENCE_S
        while True:
            for line in list(self.errors if error else self.out):
                if part in line:
                    return line
            left = deadline - time.monotonic()
            assert left > 0, (part, self.out, self.errors)
            assert self.process.poll() is None or not self._news.empty() or self._alive(), (
                part,
                self.out,
                self.errors,
            )
            try:
                self._news.get(timeout=min(left, 0.2))
            except queue.Empty:
                continue

    def url(self) -> str:
        """Wait for the address of the page, without its last slash."""
        words = self.line("http://", error=True).split()
        return next(word for word in words if word.startswith("http://")).rstrip("/")

    def end_of_output(self) -> None:
        """Wait until everything an ended command wrote has been read."""
        for reader in self._readers:
            reader.join(5)

    def children(self) -> set[int]:
        """Ids of all descendants that live now."""
        return _descendants(self.process.pid)

    def end(self, number: signal.Signals = signal.SIGINT) -> tuple[int, float]:
        """Send a signal; the exit code and the seconds it took."""
        begun = time.monotonic()
        self.process.send_signal(number)
        code = self.process.wait(PATIENCE_S)
        spent = time.monotonic() - begun
        self.end_of_output()
        return code, spent

    def close(self) -> None:
        """Leave nothing behind."""
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        self.end_of_output()
        for pipe in (self.process.stdout, self.process.stderr):
            if pipe is not None:
                pipe.close()

    def _alive(self) -> bool:
        return any(reader.is_alive() for reader in self._readers)

    def _read(self, pipe: object, lines: list[str]) -> None:
        for line in pipe:  # type: ignore[attr-defined]
            lines.append(line.rstrip("\n"))
            self._news.put(None)


def _descendants(pid: int) -> set[int]:
    found: set[int] = set()
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        try:
            direct = {int(child) for child in task.read_text().split()}
        except OSError:
            continue
        found |= direct.union(*map(_descendants, direct))
    return found


def alive(pid: int) -> bool:
    """Whether a process runs; one that has ended but was not waited for does not."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"
