"""A lock between processes."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from runtime.lock import FileLock

HOLD = """
import sys
from pathlib import Path
from runtime.lock import FileLock
lock = FileLock(Path(sys.argv[1]))
print(lock.acquire(), flush=True)
sys.stdin.read()
"""


def test_one_at_a_time_holds_it(tmp_path: Path) -> None:
    one, two = FileLock(tmp_path / "a.lock"), FileLock(tmp_path / "a.lock")
    assert one.acquire()
    assert one.acquire(), "twice is once"
    assert not two.acquire()
    assert (one.held, two.held) == (True, False)
    two.release()
    assert not two.acquire(), "only the holder gives it back"
    one.release()
    assert two.acquire()
    assert FileLock(tmp_path / "b.lock").acquire(), "another file is another lock"


def test_a_process_that_dies_gives_it_back(tmp_path: Path) -> None:
    path = tmp_path / "a.lock"
    command = [sys.executable, "-c", HOLD, str(path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as it:
        assert it.stdout is not None
        assert it.stdout.readline() == "True\n"
        assert not FileLock(path).acquire()
        it.kill()
    assert FileLock(path).acquire()
