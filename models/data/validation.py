"""Validation clips: looked at while training, never trained on."""

from __future__ import annotations

from pathlib import Path

from models.data.clip import Tier
from models.data.corpus import Corpus, Shot
from models.data.grocery_lpr import read_clips
from models.data.sources import clip_pictures, digest, feed_items, index_of

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
    items = feed_items(root / "dev" / "catalog.csv", "validation")
    place = {item.key: i for i, item in enumerate(items)}
    shots, sentences = [], []
    for clip in read_clips(root / "dev" / "clips_val.jsonl", root):
        if clip.product_id is None:
            continue
        index = index_of(place, f"validation/{clip.product_id}")
        for tier in TIERS:
            shots.append(Shot(index, tier, clip_pictures(clip, tier, root)))
            sentences.append((index, clip.text("text_asr")))
    return Corpus(
        tuple(items), tuple(shots), tuple(sentences), digest("validation", root / "dev", TIERS)
    )
