"""What training, export and calibration need beyond a kiosk's installation."""

from __future__ import annotations

from importlib.util import find_spec

from runtime.errors import DependencyError

PACKAGES = ("torch", "onnx", "safetensors", "scipy", "matplotlib")


def need_training_packages() -> None:
    """Check before anything is loaded.

    Raises:
        DependencyError: a package of the extra ``train`` is not installed.
    """
    missing = [name for name in PACKAGES if not _installed(name)]
    if missing:
        verb, them = ("is", "it") if len(missing) == 1 else ("are", "them")
        raise DependencyError(
            f"{', '.join(missing)} {verb} not installed",
            why=f"networks are trained, exported and calibrated with {them}",
            fix="pip install 'sgmn-edge[train]'",
        )


def _installed(name: str) -> bool:
    try:
        return find_spec(name) is not None
    except ImportError:
        return False
