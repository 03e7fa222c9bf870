"""Validation clips: looked at while training, never trained on."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from models.data.clip import Tier
from models.data.corpus import Corpus
from models.data.pictures import digest
from models.data.sources import grocery_clips

TIERS: tuple[Tier, ...] = ("L0", "L3")
"""Clips as photographed, and at their hardest."""


def grocery_validation(root: Path) -> Corpus:
    """GroceryLPR's validation clips: sentence i belongs to shot i, whose source is its tier.

    Args:
        root: the folder that holds ``dev``.

    Raises:
        ClipListError: clips or photos are missing or show a product that the catalog lacks.
        FeedError: the catalog cannot be read.
    """
    corpora = [grocery_clips(root, "val", tier) for tier in TIERS]
    shots = [
        replace(shot, source=tier)
        for tier, corpus in zip(TIERS, corpora, strict=True)
        for shot in corpus.shots
    ]
    sentences = [(shot.item, shot.speech.heard or "") for shot in shots]
    made_of = digest(*(corpus.digest for corpus in corpora))
    return Corpus(corpora[0].items, tuple(shots), tuple(sentences), made_of)
