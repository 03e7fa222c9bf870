"""What training, export and calibration need beyond a kiosk's installation."""

from __future__ import annotations

from importlib.util import find_spec

from runtime.errors import DependencyError

PACKAGES = ("torch", "onnx", "safetensors", "scipy")


def need_training_packages() -> None:
    """Check before anything is loaded.

    Raises:
        DependencyError: a package of the extra ``train`` is not installed.
    """
    missing = [name for name in PACKAGES if not _installed(name)]
    if missing:
        raise DependencyError(
            f"{', '.join(missing)} is not installed",
            why="networks are trained, exported and calibrated with it",
            fix="pip install 'sgmn-edge[train]'",
        )


def _installed(name: str) -> bool:
    try:
        return find_spec(name) is not None
    except ImportError:
        return False
