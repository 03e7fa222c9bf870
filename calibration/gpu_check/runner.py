"""Runs sections one after the other, each in a process of its own and within the time."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import IO, Any, cast

from calibration.gpu_check.job import Job, Request
from calibration.gpu_check.outcome import Outcome
from calibration.gpu_check.section import Section
from runtime.processes import signal_name

CHILD = (sys.executable, "-m", "calibration.gpu_check.child")
LIMIT_S = 460.0
"""Of the whole check, start and end of processes included: under eight minutes."""

LEAST_S = 3.0
"""A section with less time is not begun."""

_ROOT = Path(__file__).resolve().parents[2]
_STDERR_TAIL = 2000


class Runner:
    """Runs sections.

    Args:
        job: what they share.
        limit_s: seconds for all of them.
        tell: takes lines for people.
        command: starts the process of a section, `CHILD` unless another is named.
        clock: seconds, rising.
    """

    def __init__(
        self,
        job: Job,
        limit_s: float = LIMIT_S,
        tell: Callable[[str], None] = lambda line: None,
        command: Sequence[str] | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._job = job
        self._limit_s = limit_s
        self._tell = tell
        self._command = command or CHILD
        self._clock = clock
        self._began = clock()

    @property
    def seconds(self) -> float:
        """Since the beginning."""
        return self._clock() - self._began

    def run(self, sections: Iterable[Section]) -> Iterator[Outcome]:
        """Run them in their order; none hinders another that does not need it.

        Yields:
            One outcome a section, as soon as it has ended.
        """
        done: dict[str, Outcome] = {}
        for section in sections:
            outcome = self._held_back(section, done) or self._run(section)
            done[section.name] = outcome
            why = f": {outcome.why}" if outcome.why else ""
            self._tell(f"{outcome.status:<7} {section.name} ({outcome.seconds:.0f} s){why}")
            yield outcome

    def _held_back(self, section: Section, done: dict[str, Outcome]) -> Outcome | None:
        for name in section.needs:
            if name not in done or done[name].status != "passed":
                ended = done[name].status if name in done else "not asked for"
                return Outcome(section.name, "skipped", why=f"{name} was {ended}")
        if self._left(section) < LEAST_S:
            return Outcome(section.name, "cut", why=f"{self.seconds:.0f} s had passed")
        return None

    def _left(self, section: Section) -> float:
        return min(section.limit_s, section.until * self._limit_s - self.seconds)

    def _run(self, section: Section) -> Outcome:
        began, limit = self._clock(), self._left(section)
        with tempfile.TemporaryDirectory(prefix="sgmn-gpu-check-") as folder:
            out = Path(folder) / "found.json"
            request = Request(
                work=section.work,
                options=section.options,
                job=self._job,
                out=out,
                limit_s=limit,
            )
            with (Path(folder) / "stderr").open("w+b") as said:
                code = self._child(request.model_dump_json(), limit, said)
                told = _tail(said)
            kept = _read(out)
        seconds, found = self._clock() - began, kept.get("found", {})
        if "status" in kept:
            return Outcome(
                section.name,
                kept["status"],
                seconds,
                found,
                kept.get("why", ""),
                kept.get("error"),
            )
        if code is None:
            return Outcome(section.name, "cut", seconds, found, f"it took more than {limit:.0f} s")
        return Outcome(section.name, "failed", seconds, found, f"it {_end(code)}: {told}")

    def _child(self, request: str, limit_s: float, said: IO[bytes]) -> int | None:
        """Exit code of the section's process; None where it had to be ended."""
        process = subprocess.Popen(
            self._command,
            stdin=subprocess.PIPE,
            stdout=said,
            stderr=said,
            cwd=_ROOT,
            # With its own children, so that all of them can be ended.
            start_new_session=True,
        )
        try:
            process.communicate(request.encode(), timeout=limit_s)
        except subprocess.TimeoutExpired:
            return None
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
        return process.returncode


def _read(out: Path) -> dict[str, Any]:
    try:
        return cast("dict[str, Any]", json.loads(out.read_text(encoding="utf-8")))
    except FileNotFoundError:
        return {}


def _tail(said: IO[bytes]) -> str:
    said.seek(0)
    lines = said.read()[-_STDERR_TAIL:].decode("utf-8", "replace").strip().splitlines()
    return lines[-1].strip() if lines else "without a word"


def _end(code: int) -> str:
    if code >= 0:
        return f"ended with exit code {code}"
    return f"crashed ({signal_name(-code)})"
