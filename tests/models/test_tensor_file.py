"""Files of tensors."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors import safe_open

from models.tensor_file import read_tensors, write_tensors, write_whole
from tests.conftest import REPOSITORY

WRITE = """
import sys, torch
from pathlib import Path
from models.tensor_file import write_tensors
header = {name: name * 3 for name in ("zebra", "ape", "bear", "cat")}
write_tensors(Path(sys.argv[1]), {"b": torch.arange(5.0), "a": torch.ones(2, 3).half()}, header)
"""


def test_the_library_reads_what_is_written(tmp_path: Path) -> None:
    tensors = {
        "b.half": torch.randn(3, 5).half(),
        "a": torch.tensor(2.5),
        "turned": torch.arange(6).reshape(2, 3).T,
        "none": torch.zeros(0, 4),
    }
    header = {"format": "x", "text": 'quotes " and é'}
    write_tensors(tmp_path / "t", tensors, header)
    with safe_open(str(tmp_path / "t"), "pt") as file:
        assert file.metadata() == header
        assert set(file.keys()) == set(tensors)
        assert all(torch.equal(file.get_tensor(n), t) for n, t in tensors.items())
    back, told = read_tensors(tmp_path / "t")
    assert told == header
    assert all(back[n].dtype == t.dtype for n, t in tensors.items())


def test_every_process_writes_the_same_bytes(tmp_path: Path) -> None:
    """The library alone does not: its header's order differs from process to process."""
    for name in ("one", "two", "three"):
        subprocess.run(
            [sys.executable, "-c", WRITE, str(tmp_path / name)], cwd=REPOSITORY, check=True
        )
    assert len({(tmp_path / name).read_bytes() for name in ("one", "two", "three")}) == 1


def test_a_file_is_there_as_a_whole_or_not_at_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = tmp_path / "f"
    write_whole(place, b"before")

    def full(_: int) -> None:
        raise OSError(28, "no space left")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(OSError, match="no space"):
        write_whole(place, b"after")
    assert place.read_bytes() == b"before"
