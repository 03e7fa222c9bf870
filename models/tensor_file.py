"""A file of named tensors: safetensors, written at once and with one order of bytes."""

from __future__ import annotations

import json
import os
import struct
from collections.abc import Mapping
from pathlib import Path

from torch import Tensor

ALIGNMENT = 8
"""The format wants the tensors to start at a multiple of so many bytes."""


def write_tensors(path: Path, tensors: Mapping[str, Tensor], header: Mapping[str, str]) -> None:
    """Write a file that is there as a whole or not at all, even after a power cut.

    Equal tensors and headers give equal bytes: the library itself puts the header's entries in
    another order in every process.

    Args:
        path: of the file; its folder must exist.
        tensors: of any device.
        header: texts kept beside them.
    """
    from safetensors.torch import save

    kept = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    data = save(kept)
    size = struct.unpack("<Q", data[:8])[0]
    layout = json.loads(data[8 : 8 + size])
    text = json.dumps({"__metadata__": dict(sorted(header.items())), **layout}).encode()
    text += b" " * (-len(text) % ALIGNMENT)
    write_whole(path, struct.pack("<Q", len(text)) + text + data[8 + size :])


def read_tensors(path: Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    """The tensors and the header of a file.

    Raises:
        OSError: it cannot be read.
        safetensors.SafetensorError: it is no such file, or is damaged.
    """
    from safetensors import safe_open

    with safe_open(str(path), "pt") as file:
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        return tensors, file.metadata() or {}


def write_whole(path: Path, data: bytes) -> None:
    """Write and flush a file beside its place, then put it there in one step."""
    partial = path.with_name(f"{path.name}.partial")
    with partial.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    partial.replace(path)
