"""SIGKILL at any write of an installation or a rollback leaves a working bundle."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.runtime.running import run_python


def trials(folder: Path, seed: int, count: int) -> dict[str, int]:
    done = run_python(
        "-m", "tests.runtime.bundle.killed_install", str(folder), str(seed), str(count)
    )
    assert done.returncode == 0, done.stderr
    seen: dict[str, int] = json.loads(done.stdout)
    return seen


def test_killed_at_any_write(tmp_path: Path) -> None:
    seen = trials(tmp_path, seed=1, count=40)
    assert seen["killed"] > 20
    assert seen["old"] > 0
    assert seen["new"] > 0


@pytest.mark.slow
def test_killed_300_times(tmp_path: Path) -> None:
    killed = 0
    for seed in range(2, 6):
        (tmp_path / str(seed)).mkdir()
        killed += trials(tmp_path / str(seed), seed, 100)["killed"]
    assert killed >= 300
