"""The edge-only re-ranker under its first name; it lives in `models.graph.relation`."""

from __future__ import annotations

from models.graph.relation import FACTS, RelationReranker

__all__ = ["FACTS", "RelationReranker"]
