"""Ctrl-C while ``sgmn match`` works: exit code 130, no traceback, nobody left behind."""

from __future__ import annotations

import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.runtime.running import PATIENCE_S, start_sgmn

Process = subprocess.Popen[bytes]


def _mapped(process: Process, library: str) -> bool:
    """Whether the process has loaded a library: how far its start has come."""
    return library in Path(f"/proc/{process.pid}/maps").read_text(encoding="utf-8")


def _children(process: Process) -> list[int]:
    tasks = Path(f"/proc/{process.pid}/task").glob("*/children")
    return [int(child) for task in tasks for child in task.read_text().split()]


def _decoding(process: Process) -> bool:
    return _mapped(process, "cv2")


def _loading_the_network(process: Process) -> bool:
    return _mapped(process, "onnxruntime_pybind")


def _starting_speech(process: Process) -> bool:
    return bool(_children(process))


def _said(process: Process) -> bool:
    """Whether there is output to read: the clip is playing."""
    assert process.stdout is not None
    return bool(process.stdout.peek(1))  # type: ignore[attr-defined]


def _wait_until(reached: Callable[[Process], bool], process: Process) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not reached(process):
        assert process.poll() is None, "it ended before the moment came"
        assert time.monotonic() < deadline
        time.sleep(0.002)


@pytest.mark.parametrize("moment", [_decoding, _loading_the_network, _starting_speech, _said])
def test_ctrl_c_ends_it_cleanly(
    moment: Callable[[Process], bool], clip: Path, bundle_folder: Path, catalog_folder: Path
) -> None:
    arguments = ("match", clip, "--bundle", bundle_folder, "--catalog", catalog_folder)
    process = start_sgmn(*arguments)
    try:
        _wait_until(moment, process)
        children = _children(process)
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=PATIENCE_S)
    finally:
        process.kill()
        process.wait()
    assert process.returncode == 130, said.decode()
    assert said.decode().splitlines()[-1] == "Interrupted."
    assert b"Traceback" not in said
    _wait_until_gone(children)


def _wait_until_gone(processes: list[int]) -> None:
    """A speech process that was just being started ends itself: its input has ended."""
    deadline = time.monotonic() + PATIENCE_S
    while any(map(_lives, processes)):
        assert time.monotonic() < deadline, f"one of {processes} lives on"
        time.sleep(0.01)


def _lives(process: int) -> bool:
    try:
        status = Path(f"/proc/{process}/stat").read_text(encoding="utf-8")
    except OSError:
        return False
    return status.rpartition(")")[2].split()[0] != "Z"
