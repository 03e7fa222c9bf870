"""Processes that really die: by an abort in an engine, by SIGKILL."""

from __future__ import annotations

import errno
import fcntl
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from runtime.bundle.reader import Bundle
from runtime.engines.crash_guard import CRASHES, CrashGuard
from runtime.engines.selection import crash_guard
from tests.disks import read_only
from tests.runtime.engines.gpu_machine import GpuMachine, doubling_bundle

pytest.importorskip("onnx")

REPOSITORY = Path(__file__).resolve().parents[3]


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    return doubling_bundle(tmp_path_factory.mktemp("crash") / "bundle")


Start = Callable[[str], "subprocess.Popen[str]"]


@pytest.fixture
def start(bundle: Bundle, tmp_path: Path) -> Start:
    def run(mode: str) -> subprocess.Popen[str]:
        program = [sys.executable, "-m", "tests.runtime.engines.crashing_start"]
        return subprocess.Popen(
            [*program, str(bundle.folder), str(tmp_path), mode],
            cwd=REPOSITORY,
            env={**os.environ, "OMP_NUM_THREADS": "1"},
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )

    return run


def _killed(process: subprocess.Popen[str]) -> str:
    """What it said before it was killed."""
    assert process.stdout is not None
    with process:
        said = process.stdout.readline().strip()
        process.send_signal(signal.SIGKILL)
        assert process.wait() == -signal.SIGKILL
    return said


def test_engines_that_abort_are_left_alone_until_they_are_cleared(
    start: Start, bundle: Bundle, tmp_path: Path
) -> None:
    for _ in range(CRASHES):
        with start("abort") as crashing:
            assert crashing.communicate()[0] == ""
        assert crashing.returncode == -signal.SIGABRT
    with start("abort") as careful:
        assert careful.communicate()[0].strip() == "fallback:crash-loop"
    assert careful.returncode == 0
    assert crash_guard(bundle, GpuMachine(tmp_path).machine()).clear() == CRASHES
    with start("abort") as again:
        again.communicate()
    assert again.returncode == -signal.SIGABRT


def test_a_run_that_settled_forgets_the_crashes_before_it(
    start: Start, bundle: Bundle, tmp_path: Path
) -> None:
    guard = crash_guard(bundle, GpuMachine(tmp_path).machine())
    assert [_killed(start("wait")) for _ in range(2)] == ["tensorrt"] * 2
    assert guard.crashes() == 2
    assert _killed(start("work")) == "tensorrt"
    assert guard.crashes() == 0


def test_a_start_that_still_runs_is_no_crash(start: Start, bundle: Bundle, tmp_path: Path) -> None:
    guard = crash_guard(bundle, GpuMachine(tmp_path).machine())
    running = start("wait")
    assert running.stdout is not None
    assert running.stdout.readline().strip() == "tensorrt"
    assert guard.crashes() == 0
    assert guard.clear() == 0
    running.kill()
    with running:
        running.wait()
    assert guard.crashes() == 1


def test_the_guard_in_one_process(tmp_path: Path) -> None:
    guard = CrashGuard(tmp_path / "a" / "b")
    assert guard.crashes() == 0
    guard.close()
    assert guard.begin()
    assert guard.begin(), "once is enough"
    assert guard.crashes() == 0
    guard.close()
    assert list((tmp_path / "a" / "b").iterdir()) == []
    for _ in range(2):
        guard.begin()
        guard.fail()
    assert guard.crashes() == 2
    other = CrashGuard(tmp_path / "a" / "b")
    other.begin()
    guard.begin()
    guard.settle()
    assert guard.crashes() == 0
    other.fail()
    assert guard.crashes() == 1, "what ran beside it was not forgotten"


def test_a_disk_that_becomes_read_only_does_not_end_what_runs(tmp_path: Path) -> None:
    """As the kernel makes it after an error of an SD card."""
    folder = tmp_path / "starts"
    guard = CrashGuard(folder)
    guard.begin()
    guard.fail()
    settling, closing = CrashGuard(folder), CrashGuard(folder)
    assert settling.begin()
    assert closing.begin()
    with read_only(folder):
        assert not CrashGuard(folder).begin()
        settling.settle()
        closing.close()
        with pytest.raises(OSError, match=r"Read-only|Permission"):
            guard.clear()
    assert guard.clear() == 3


def test_where_files_cannot_be_locked_nothing_is_counted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    guard = CrashGuard(tmp_path)
    monkeypatch.setattr(fcntl, "flock", refuse)
    assert not guard.begin()
    assert guard.crashes() == 0
    monkeypatch.undo()
    assert guard.crashes() == 0, "what could not be locked was taken away"


def test_only_plain_files_are_starts(tmp_path: Path) -> None:
    (tmp_path / "start-folder").mkdir()
    (tmp_path / "start-link").symlink_to(tmp_path / "away")
    os.mkfifo(tmp_path / "start-pipe")
    (tmp_path / "start-garbage").write_bytes(b"\0" * 99)
    guard = CrashGuard(tmp_path)
    assert guard.crashes() == 1
    assert guard.clear() == 1
    assert len(list(tmp_path.iterdir())) == 3
