"""``sgmn export`` where it cannot end well: as a process of its own, on real limits and kills."""

from __future__ import annotations

import json
import resource
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from runtime.bundle.reader import open_bundle
from tests.conftest import REPOSITORY
from tests.export.conftest import Exported

STORAGE, EXPORT = 9, 11


def _command(exported: Exported, checkpoint: Path, out: Path) -> list[str]:
    sources = ["--feed", str(exported.feed), "--tokenizer", str(exported.tokenizer)]
    export = [sys.executable, "-m", "runtime.commands.entry", "export", str(checkpoint)]
    return [*export, "--out", str(out), *sources, "--json"]


def _ended(command: list[str], largest: int | None = None) -> tuple[int, str, dict[str, str]]:
    """Exit code, stdout and error of a command whose files may not grow beyond ``largest``."""

    def limit() -> None:
        if largest is not None:
            resource.setrlimit(resource.RLIMIT_FSIZE, (largest, largest))

    done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, preexec_fn=limit)
    line = done.stderr.strip().splitlines()[-1] if done.returncode else "{}"
    return done.returncode, done.stdout, json.loads(line).get("error", {})


@pytest.mark.slow
@pytest.mark.parametrize("largest", [2_000, 60_000])
def test_a_disk_that_takes_no_more(exported: Exported, tmp_path: Path, largest: int) -> None:
    """Stopped in the first ONNX file, and in a later one."""
    command = _command(exported, exported.checkpoint, tmp_path / "bundle")
    code, said, error = _ended(command, largest)
    assert (code, said, error["code"]) == (STORAGE, "", "storage")
    assert error["fix"]
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_killed_and_run_again(exported: Exported, tmp_path: Path) -> None:
    out = tmp_path / "bundle"
    command = _command(exported, exported.checkpoint, out)
    for _ in range(2):
        with subprocess.Popen(command, cwd=REPOSITORY) as running:
            while not any(tmp_path.glob(".bundle*/onnx/*")):
                assert running.poll() is None, "it ended before it could be killed"
                time.sleep(0.005)
            running.send_signal(signal.SIGKILL)
        assert not out.exists()
        assert len(list(tmp_path.iterdir())) == 1
    assert _ended(command)[0] == 0
    assert open_bundle(out).manifest.preset == "tiny"
    assert list(tmp_path.iterdir()) == [out]


@pytest.mark.slow
def test_a_pickle_by_another_name(exported: Exported, tmp_path: Path) -> None:
    import torch

    renamed = tmp_path / "checkpoint.safetensors"
    torch.save(exported.network.state_dict(), renamed)
    code, said, error = _ended(_command(exported, renamed, tmp_path / "bundle"))
    assert (code, said, error["code"]) == (EXPORT, "", "export")
    assert "sgmn train" in error["fix"]
    assert list(tmp_path.iterdir()) == [renamed]


def test_a_place_that_nobody_can_write(exported: Exported) -> None:
    """Below /proc not even root makes a folder."""
    command = _command(exported, exported.checkpoint, Path("/proc/bundle"))
    code, said, error = _ended(command)
    assert (code, said, error["code"]) == (STORAGE, "", "storage")
    assert "/proc/bundle" in error["what"]
    assert "--out" in error["fix"]
