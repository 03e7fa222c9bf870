"""Runs ``sgmn`` as a user does: in a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

SGMN = (sys.executable, "-c", "from runtime.commands.main import main; main()")
"""Starts ``sgmn`` from the very sources under test."""

PATIENCE_S = 120
_REPOSITORY = Path(__file__).resolve().parents[2]


def run_sgmn(
    *arguments: str | Path,
    without: Sequence[str] = (),
    environment: Mapping[str, str] | None = None,
) -> subprocess.CompletedProcess[str]:
    """Run to the end.

    Args:
        arguments: of ``sgmn``.
        without: packages that are as if they were not installed.
        environment: changes to this process's own.
    """
    start = (sys.executable, "-m", "tests.runtime.without", ",".join(without))
    return run_python(*(start[1:] if without else SGMN[1:]), *arguments, environment=environment)


def run_python(
    *arguments: str | Path, environment: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Run this interpreter to the end, in the repository."""
    return subprocess.run(
        [sys.executable, *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        cwd=_REPOSITORY,
        env={**os.environ, **(environment or {})},
    )


def start_sgmn(*arguments: str | Path) -> subprocess.Popen[bytes]:
    """Start in a process group of its own; the caller ends it."""
    return subprocess.Popen(
        [*SGMN, *map(str, arguments)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        cwd=_REPOSITORY,
        start_new_session=True,
    )
