"""Losses under their first name; they live in `models.losses`."""

from __future__ import annotations

from models.losses.contrastive import listwise, symmetric_info_nce

__all__ = ["listwise", "symmetric_info_nce"]
