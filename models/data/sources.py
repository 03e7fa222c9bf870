"""The corpora: GroceryLPR, a merchant feed with staged pictures, synthetic stores."""

from __future__ import annotations

import csv
import hashlib
from collections.abc import Callable
from functools import lru_cache, partial
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from models.data.clip import Clip, Tier
from models.data.corpus import Corpus, CorpusItem, Picture, Shot
from models.data.cutout import stage
from models.data.grocery_lpr import read_clips, render
from models.data.sentences import speak
from models.store.product import Product
from models.store.store import Store
from runtime.catalog.feed import read_feed
from runtime.errors import ClipListError

BgrImage = npt.NDArray[np.uint8]
SENTENCES = 6
"""Sentences made for every product by rule."""

TAKE = 8
"""Pictures of one synthetic take."""

VIDEO = (640, 360)
"""Width and height of synthetic in-store pictures, as the demo's clips have them."""


def grocery(root: Path, *, tiers: tuple[Tier, ...] = ("L3",), staged: int = 4) -> Corpus:
    """GroceryLPR's training photos and clips, and staged pictures of every catalog product.

    Args:
        root: the folder that holds ``dev``.
        tiers: clip tiers beside the plain photos.
        staged: pictures staged for each product.

    Raises:
        ClipListError: clips or photos are missing or show a product that the catalog lacks.
        FeedError: the catalog cannot be read.
    """
    dev = root / "dev"
    items = feed_items(dev / "catalog.csv", "grocery")
    place = {item.key: i for i, item in enumerate(items)}
    photos = _photos(dev / "splits.csv", root)
    shots = [
        Shot(
            index_of(place, f"grocery/{item_id}"), "photo", tuple(partial(_read, p) for p in paths)
        )
        for item_id, paths in sorted(photos.items())
    ]
    sentences = _made_sentences(items, seed=1)
    for clip in read_clips(dev / "clips_train.jsonl", root):
        if clip.product_id is None:
            continue
        index = index_of(place, f"grocery/{clip.product_id}")
        sentences.append((index, clip.text("text_asr")))
        for tier in tiers:
            shots.append(Shot(index, "clip", clip_pictures(clip, tier, root)))
    grounds = [p for paths in photos.values() for p in paths[:6]]
    shots += _staged(items, grounds, staged, seed=2)
    return Corpus(tuple(items), tuple(shots), tuple(sentences), digest(root, tiers, staged))


def staged_feed(path: Path, name: str, grounds: list[Path], *, staged: int = 2) -> Corpus:
    """Any merchant feed, its products staged before the given photos."""
    items = feed_items(path, name)
    shots = _staged(items, grounds, staged, seed=3)
    sentences = _made_sentences(items, seed=4)
    return Corpus(tuple(items), tuple(shots), tuple(sentences), digest(path, name, staged))


def synthetic(seed: int, *, views: int = 2, takes: int = 2) -> Corpus:
    """A synthetic store; seed 0 is the demo's and must not be trained on.

    Args:
        seed: of the store, its products and its pictures.
        views: unrelated pictures of each product.
        takes: takes of each product, eight pictures each from ten seconds of one moving scene.
    """
    from models.store.artwork import shop_image
    from models.store.store import open_store

    store = open_store(seed)
    items = [
        CorpusItem(
            f"store{seed}/{p.id}",
            p.title,
            p.description,
            p.kind,
            f"store{seed}/{p.family}",
            partial(shop_image, p),
        )
        for p in store.products
    ]
    shots = []
    for i, product in enumerate(store.products):
        base = seed * 100_000 + i * 100
        if views:
            drawn = partial(_store_view, store, product)
            shots.append(Shot(i, "store", tuple(partial(drawn, base + v) for v in range(views))))
        shots += [
            Shot(i, "take", _nth_of(partial(_store_take, store, product, base + 50 + t), TAKE))
            for t in range(takes)
        ]
    sentences = _made_sentences(items, seed=seed) + _narrated(store, seed)
    return Corpus(
        tuple(items), tuple(shots), tuple(sentences), digest("store", seed, views, takes, VIDEO)
    )


def training_photos(root: Path) -> list[Path]:
    """GroceryLPR's training photos; never those of validation clips."""
    return [p for paths in _photos(root / "dev" / "splits.csv", root).values() for p in paths]


def feed_items(path: Path, name: str) -> list[CorpusItem]:
    """Products of a merchant feed, their keys beginning with ``name``."""
    return [
        CorpusItem(
            f"{name}/{row.item.id}",
            row.item.title,
            row.item.description,
            row.item.attributes.get("product_type", "").split(">")[-1].strip().lower(),
            f"{name}/{row.item.group or row.item.id}",
            partial(_read, row.item.image),
        )
        for row in read_feed(path)
    ]


def _photos(table: Path, root: Path) -> dict[str, list[Path]]:
    if not table.is_file():
        raise ClipListError(
            f"there is no {table}",
            why="it tells training photos from validation photos",
            fix="give the folder that holds `dev` with --data",
        )
    found: dict[str, list[Path]] = {}
    with table.open(encoding="utf-8", newline="") as lines:
        for row in csv.DictReader(lines):
            if row["split"] == "train":
                found.setdefault(row["product_id"], []).append(root / "dev" / row["path"])
    return found


def index_of(place: dict[str, int], key: str) -> int:
    """Number of a product.

    Raises:
        ClipListError: the catalog lacks it.
    """
    if key not in place:
        raise ClipListError(
            f"the catalog has no product {key.partition('/')[2]}",
            why="photos or clips show it",
            fix="give the catalog, splits and clips of one data set with --data",
        )
    return place[key]


def _made_sentences(items: list[CorpusItem], seed: int) -> list[tuple[int, str]]:
    rng = np.random.default_rng([seed, 11])
    groups: dict[str, list[CorpusItem]] = {}
    for item in items:
        groups.setdefault(item.group, []).append(item)
    return [
        (i, speak(item, [o for o in groups[item.group] if o is not item], rng))
        for i, item in enumerate(items)
        for _ in range(SENTENCES)
    ]


def _staged(items: list[CorpusItem], grounds: list[Path], count: int, seed: int) -> list[Shot]:
    def picture(index: int, number: int) -> BgrImage:
        rng = np.random.default_rng([seed, index, number])
        return stage(items[index].image(), _read(grounds[rng.integers(len(grounds))]), rng)

    return [
        Shot(i, "cutout", tuple(partial(picture, i, n) for n in range(count)))
        for i in range(len(items))
        if count
    ]


def _store_view(store: Store, product: Product, seed: int) -> BgrImage:
    from models.store.scene import render_views

    return np.asarray(render_views(product, store, seed, 1, size=VIDEO)[0], np.uint8)


def _store_take(store: Store, product: Product, seed: int) -> list[BgrImage]:
    from models.store.scene import render_frames

    frames = render_frames(product, store, seed, TAKE, size=VIDEO, fps=TAKE / 10)
    return [np.asarray(frame, np.uint8) for frame in frames]


def _narrated(store: Store, seed: int) -> list[tuple[int, str]]:
    from models.store.narration import STYLES, narrate

    rng = np.random.default_rng([seed, 13])
    return [
        (i, narrate(product, store, rng, style).replace(".", ""))
        for i, product in enumerate(store.products)
        for style in STYLES
    ]


def clip_pictures(clip: Clip, tier: Tier, root: Path) -> tuple[Picture, ...]:
    """Pictures of a clip, rendered together when the first is asked for."""
    return _nth_of(partial(render, clip, tier, root), len(clip.frames(tier)))


def _nth_of(draw: Callable[[], list[BgrImage]], count: int) -> tuple[Picture, ...]:
    """Pictures that are drawn together and asked for one after the other."""
    drawn = lru_cache(maxsize=1)(draw)
    return tuple(partial(_nth, drawn, i) for i in range(count))


def _nth(drawn: Callable[[], list[BgrImage]], index: int) -> BgrImage:
    return drawn()[index]


def _read(path: Path) -> BgrImage:
    picture = cv2.imread(str(path))
    if picture is None:
        raise ClipListError(
            f"cannot read the picture {path}",
            why="it is missing or not a picture",
            fix="check the data folder given with --data",
        )
    return np.asarray(picture, np.uint8)


def digest(*parts: object) -> str:
    """Identifies data and how it is drawn; of files and folders by names and sizes."""
    made = hashlib.sha256()
    for part in parts:
        if isinstance(part, Path):
            files = sorted(p for p in part.rglob("*") if p.is_file()) if part.is_dir() else [part]
            for file in files:
                made.update(f"{file.name}:{file.stat().st_size};".encode())
        else:
            made.update(f"{part!r};".encode())
    return made.hexdigest()
