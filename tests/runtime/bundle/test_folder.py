"""A new folder is there whole or not at all, whatever ends its writer."""

from __future__ import annotations

import errno
import os
import resource
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from runtime.bundle.folder import new_folder
from runtime.errors import StorageError
from tests.conftest import REPOSITORY

WRITER = """
import sys, time
from pathlib import Path
from runtime.bundle.folder import new_folder
with new_folder(Path(sys.argv[1])) as folder:
    (folder / "half").write_text("x")
    print("begun", flush=True)
    time.sleep(600)
"""


def _begun(out: Path) -> subprocess.Popen[str]:
    """Another process that is writing the folder."""
    command = [sys.executable, "-c", WRITER, str(out)]
    writer = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=REPOSITORY)
    assert writer.stdout is not None
    assert writer.stdout.readline() == "begun\n"
    return writer


def _write(out: Path) -> None:
    with new_folder(out) as folder:
        (folder / "whole").write_text("x")


def test_what_a_killed_writer_left_goes_with_the_next(tmp_path: Path) -> None:
    out = tmp_path / "bundle"
    for _ in range(3):
        with _begun(out) as writer:
            writer.send_signal(signal.SIGKILL)
        assert len(list(tmp_path.iterdir())) == 1, "left by the latest alone"
    _write(out)
    assert [p.name for p in tmp_path.iterdir()] == ["bundle"]
    assert [p.name for p in out.iterdir()] == ["whole"]


@pytest.mark.parametrize("other", ["folder", "file"])
def test_of_two_writers_the_first_to_end_wins(tmp_path: Path, other: str) -> None:
    out = tmp_path / "bundle"

    def late() -> None:
        with new_folder(out) as folder:
            (folder / "late").write_text("x")
            _write(out) if other == "folder" else out.write_text("x")

    with pytest.raises(StorageError, match="exists already") as caught:
        late()
    assert "another process" in caught.value.why
    assert [p.name for p in tmp_path.iterdir()] == ["bundle"]
    assert not (out / "late").exists()


def test_a_writer_at_work_keeps_what_it_has(tmp_path: Path) -> None:
    out = tmp_path / "bundle"
    with _begun(out) as writer:
        _write(out)
        (unfinished,) = (p for p in tmp_path.iterdir() if p != out)
        assert [p.name for p in unfinished.iterdir()] == ["half"]
        writer.kill()


def test_nothing_of_others_is_touched(tmp_path: Path) -> None:
    names = [".bundle-mine", ".bundle.unfinished", ".other.unfinished-abc", "bundle.unfinished-abc"]
    for name in names:
        (tmp_path / name).mkdir()
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "kept").write_text("x")
    (tmp_path / ".bundle.unfinished-link").symlink_to(elsewhere)
    (tmp_path / ".bundle.unfinished-file").write_text("x")
    _write(tmp_path / "bundle")
    left = {p.name for p in tmp_path.iterdir()}
    assert left >= {*names, "elsewhere", ".bundle.unfinished-link", ".bundle.unfinished-file"}
    assert (elsewhere / "kept").read_text() == "x"


def test_an_error_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError), new_folder(tmp_path / "bundle") as folder:
        (folder / "gone").read_bytes()
    assert list(tmp_path.iterdir()) == []


def test_a_disk_that_takes_no_more_is_named(tmp_path: Path) -> None:
    """The kernel refuses the write: files of this process may not grow."""
    most = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, most[1]))
    try:
        with (
            pytest.raises(StorageError) as caught,
            new_folder(tmp_path / "bundle") as folder,
        ):
            (folder / "large").write_bytes(bytes(2000))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, most)
    assert caught.value.why == os.strerror(errno.EFBIG)
    assert "--out" in caught.value.fix
    assert list(tmp_path.iterdir()) == []
