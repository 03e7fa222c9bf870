"""A merchant feed as products, with sentences by rule and pictures staged before photos."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path

import numpy as np
import numpy.typing as npt

from models.data.corpus import CorpusItem, Picture, Shot
from models.data.cutout import stage
from models.data.pictures import picture_file, read_picture
from models.data.sentences import speak
from runtime.catalog.feed import read_feed

SENTENCES = 6
"""Sentences made for every product by rule."""


def feed_items(path: Path, name: str) -> list[CorpusItem]:
    """The products of a feed, their keys and groups below ``name``.

    Raises:
        FeedError: the feed or one of its rows cannot be used.
    """
    return [
        CorpusItem(
            f"{name}/{row.item.id}",
            row.item.title,
            row.item.description,
            row.item.attributes.get("product_type", "").split(">")[-1].strip().lower(),
            f"{name}/{row.item.group or row.item.id}",
            picture_file(row.item.image),
        )
        for row in read_feed(path)
    ]


def made_sentences(items: Sequence[CorpusItem], seed: int) -> list[tuple[int, str]]:
    """Sentences about every product, made by rule: (index of the product, what is said)."""
    rng = np.random.default_rng([seed, 11])
    groups: dict[str, list[CorpusItem]] = {}
    for item in items:
        groups.setdefault(item.group, []).append(item)
    return [
        (i, speak(item, [o for o in groups[item.group] if o is not item], rng))
        for i, item in enumerate(items)
        for _ in range(SENTENCES)
    ]


def staged_shots(
    items: Sequence[CorpusItem], grounds: Sequence[Path], count: int, seed: int
) -> list[Shot]:
    """Every product's shop pictures, staged before photos.

    Args:
        items: the products; their ``views`` are staged by turns with their ``image``.
        grounds: photos to stage before.
        count: pictures of each product; no shots if 0.
        seed: of the draws; picture n of product i depends on nothing else.
    """
    return [
        Shot(
            i,
            "cutout",
            tuple(
                partial(_staged, (item.image, *item.views), grounds, (seed, i, n))
                for n in range(count)
            ),
        )
        for i, item in enumerate(items)
        if count
    ]


def _staged(
    shop: tuple[Picture, ...], grounds: Sequence[Path], seeds: tuple[int, int, int]
) -> npt.NDArray[np.uint8]:
    rng = np.random.default_rng(seeds)
    ground = read_picture(grounds[int(rng.integers(len(grounds)))])
    return stage(shop[seeds[2] % len(shop)](), ground, rng)
