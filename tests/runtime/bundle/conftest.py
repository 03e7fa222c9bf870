"""Small bundles: real files, digests and keys, contents that no engine would load."""

from __future__ import annotations

import errno
import hashlib
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO

import pytest

from runtime.bundle import contents
from runtime.bundle.manifest import SUBMODULES, Manifest
from runtime.bundle.writer import seal


def make_manifest() -> Manifest:
    return Manifest.model_validate(
        {
            "name": "test",
            "version": "1.0",
            "preset": "tiny",
            "precision": "fp32",
            "frames": 4,
            "patches": 4,
            "shortlist": 3,
            "submodules": {
                name: {
                    "file": f"onnx/{name}.fp32.onnx",
                    "precision": "fp32",
                    "inputs": [{"name": "x", "dtype": "float32", "shape": ["N", 3]}],
                    "outputs": [{"name": "y", "dtype": "float32", "shape": ["N", 3]}],
                }
                for name in SUBMODULES
            },
            "preprocessing": {"size": 32},
            "text": {"max_tokens": 16},
            "sampling": {"frames": 4},
            "decision": {"temperature": 1.0, "open_set_score": 0.0},
            "files": {},
        }
    )


def make_bundle(folder: Path, salt: str = "", **changes: Any) -> Path:
    """Seal a bundle whose files have nothing in common with those of another salt."""
    (folder / "onnx").mkdir(parents=True)
    for name in SUBMODULES:
        (folder / "onnx" / f"{name}.fp32.onnx").write_bytes(f"{name}{salt}".encode() * 50)
    (folder / "tokenizer.json").write_text(json.dumps({"salt": salt}) if salt else "{}")
    seal(folder, make_manifest().model_copy(update=changes))
    return folder


def bad_sector(patch: pytest.MonkeyPatch, place: Path) -> None:
    """From now on the disk has no bytes for a file that a manifest lists."""
    real = contents.open_plain

    def opened(path: Path) -> BinaryIO:
        if path == place:
            raise OSError(errno.EIO, os.strerror(errno.EIO), str(path))
        return real(path)

    patch.setattr(contents, "open_plain", opened)


@pytest.fixture
def bundle_folder(tmp_path: Path) -> Path:
    return make_bundle(tmp_path / "bundle")


@pytest.fixture
def forge(bundle_folder: Path) -> Callable[[Callable[[Any], object]], Path]:
    """Change the manifest and give it a digest that fits, as an attacker would."""

    def change_manifest(change: Callable[[Any], object]) -> Path:
        path = bundle_folder / "manifest.json"
        fields = json.loads(path.read_text())
        change(fields)
        path.write_text(json.dumps(fields))
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        (bundle_folder / "manifest.json.sha256").write_text(digest + "\n")
        return bundle_folder

    return change_manifest
