"""Where the bundle lies that is installed with the program."""

from __future__ import annotations

from pathlib import Path

import runtime


def shipped_bundle() -> Path:
    """The folder of the shipped bundle; not verified here."""
    return Path(runtime.__file__).resolve().parent / "assets" / "bundle"
