"""The tiny bundle, exported once."""

from __future__ import annotations

from tests.export.conftest import exported

__all__ = ["exported"]
