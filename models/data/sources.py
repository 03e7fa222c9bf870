"""The corpora: GroceryLPR, the fashion catalog, any merchant feed, synthetic stores."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt

from models.data.clip import Clip, Tier
from models.data.corpus import Corpus, CorpusItem, Shot, Speech, Split
from models.data.grocery_lpr import read_clips, render, shop_images
from models.data.leaks import check_apart
from models.data.pictures import digest, nth_of, picture_file
from models.data.staging import feed_items, made_sentences, staged_shots
from models.store.product import Product
from models.store.store import Store
from runtime.errors import ClipListError

TAKE = 8
"""Pictures of one synthetic take."""

VIDEO = (640, 360)
"""Width and height of synthetic in-store pictures, as the demo's clips have them."""

BgrImage = npt.NDArray[np.uint8]


def grocery(root: Path, *, tiers: tuple[Tier, ...] = ("L3",), staged: int = 4) -> Corpus:
    """GroceryLPR's training photos and clips, and staged pictures of every catalog product.

    Args:
        root: the folder that holds ``dev``.
        tiers: clip tiers beside the plain photos.
        staged: pictures staged for each product.

    Raises:
        ClipListError: clips or photos are missing or show a product that the catalog lacks, or a
            picture of a validation clip is among the training pictures.
        FeedError: the catalog cannot be read.
    """
    dev = root / "dev"
    items = feed_items(dev / "catalog.csv", "grocery")
    place = _places(items)
    photos = _photos(dev / "splits.csv", root)
    clips = [c for c in read_clips(dev / "clips_train.jsonl", root) if c.product_id is not None]
    _check_no_validation_photo(root, [*_flat(photos), *_clip_photos(clips, root)])
    shots = [
        Shot(_index(place, item_id), "photo", tuple(map(picture_file, paths)))
        for item_id, paths in sorted(photos.items())
    ]
    shots += _clip_shots(clips, tiers, root, place, "train")
    spoken = [(_index(place, str(c.product_id)), c.text("text_asr")) for c in clips]
    shots += staged_shots(items, [p for some in photos.values() for p in some[:6]], staged, seed=2)
    sentences = (*made_sentences(items, seed=1), *spoken)
    return Corpus(tuple(items), tuple(shots), sentences, digest(root, tiers, staged))


def grocery_clips(root: Path, split: Literal["train", "val"], tier: Tier = "L0") -> Corpus:
    """GroceryLPR's labelled clips alone, as an evaluation asks them.

    Raises:
        ClipListError: clips or photos are missing or show a product that the catalog lacks.
        FeedError: the catalog cannot be read.
    """
    dev = root / "dev"
    items = feed_items(dev / "catalog.csv", "grocery")
    clips = read_clips(dev / f"clips_{split}.jsonl", root, tier)
    labelled = [clip for clip in clips if clip.product_id is not None]
    shots = _clip_shots(labelled, (tier,), root, _places(items), split)
    return Corpus(tuple(items), tuple(shots), (), digest(root, split, tier))


def fashion(
    root: Path,
    grounds: Sequence[Path],
    *,
    staged: int = 2,
    views: Literal["items", "shots"] = "items",
) -> Corpus:
    """The fashion catalog, its products staged before the given photos.

    Args:
        root: the folder that holds ``catalog.csv`` and ``views.csv`` (columns path, product_id).
        grounds: photos to stage before.
        staged: pictures staged for each product.
        views: what the alternate views are: further shop pictures of the items, or shots of their
            own (source ``view``) that ask for the item. Never both, which would let a picture
            find itself.

    Raises:
        ClipListError: ``views.csv`` or a view is missing, or shows a product the catalog lacks.
        FeedError: the catalog cannot be read.
    """
    items = feed_items(root / "catalog.csv", "fashion")
    found = _views(root / "views.csv", {item.key: i for i, item in enumerate(items)})
    shots: list[Shot] = []
    if views == "items":
        for i, paths in found.items():
            items[i] = replace(items[i], views=tuple(map(picture_file, paths)))
    else:
        shots = [Shot(i, "view", tuple(map(picture_file, some))) for i, some in found.items()]
    shots += staged_shots(items, grounds, staged, seed=5)
    sentences = tuple(made_sentences(items, seed=6))
    return Corpus(tuple(items), tuple(shots), sentences, digest(root, staged, views))


def staged_feed(path: Path, name: str, grounds: list[Path], *, staged: int = 2) -> Corpus:
    """Any merchant feed, its products staged before the given photos."""
    items = feed_items(path, name)
    shots = staged_shots(items, grounds, staged, seed=3)
    sentences = tuple(made_sentences(items, seed=4))
    return Corpus(tuple(items), tuple(shots), sentences, digest(path, name, staged))


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
            Shot(i, "take", nth_of(partial(_store_take, store, product, base + 50 + t), TAKE))
            for t in range(takes)
        ]
    sentences = made_sentences(items, seed=seed) + _narrated(store, seed)
    made_of = digest("store", seed, views, takes, VIDEO)
    return Corpus(tuple(items), tuple(shots), tuple(sentences), made_of)


def training_photos(root: Path) -> list[Path]:
    """GroceryLPR's training photos; never those of validation clips."""
    return _flat(_photos(root / "dev" / "splits.csv", root))


def _clip_shots(
    clips: Iterable[Clip], tiers: Sequence[Tier], root: Path, place: Mapping[str, int], split: Split
) -> list[Shot]:
    images = shop_images(root / "dev" / "catalog.csv")
    return [
        Shot(
            _index(place, str(clip.product_id)),
            "clip",
            nth_of(partial(render, clip, tier, root, images=images), len(clip.frames(tier))),
            key=clip.clip_id,
            speech=Speech(clip.text_clean, clip.text_asr, clip.asr_kind),
            domain=clip.domain or "",
            split=split,
            conditions={"tier": tier},
        )
        for clip in clips
        for tier in tiers
    ]


def _check_no_validation_photo(root: Path, training: Iterable[Path]) -> None:
    dev = root / "dev"
    held = _flat(_photos(dev / "splits.csv", root, "val"))
    if (dev / "clips_val.jsonl").is_file():
        held += _clip_photos(read_clips(dev / "clips_val.jsonl", root), root)
    check_apart(training, held)


def _clip_photos(clips: Iterable[Clip], root: Path) -> list[Path]:
    frames = (f for clip in clips for some in clip.tiers.values() for f in some)
    return [root / photo for frame in frames for photo in frame.photos]


def _photos(table: Path, root: Path, split: Split = "train") -> dict[str, list[Path]]:
    if not table.is_file():
        raise ClipListError(
            f"there is no {table}",
            why="it tells training photos from validation photos",
            fix="give the folder that holds `dev` with --data",
        )
    found: dict[str, list[Path]] = {}
    with table.open(encoding="utf-8", newline="") as lines:
        for row in csv.DictReader(lines):
            if row["split"] == split:
                found.setdefault(row["product_id"], []).append(root / "dev" / row["path"])
    return found


def _views(table: Path, place: Mapping[str, int]) -> dict[int, list[Path]]:
    """Files of each product's alternate views."""
    found: dict[int, list[Path]] = {}
    if not table.is_file():
        fix = "restore it, or use the catalog alone as a feed"
        raise ClipListError(f"there is no {table}", why="it lists the alternate views", fix=fix)
    with table.open(encoding="utf-8", newline="") as lines:
        for number, row in enumerate(csv.DictReader(lines), start=2):
            key, path = f"fashion/{row.get('product_id')}", table.parent / (row.get("path") or "")
            if key not in place or not path.is_file():
                why = (
                    f"the catalog has no {key}" if key not in place else f"there is no file {path}"
                )
                fix = "correct the line, or restore the file"
                raise ClipListError(f"{table}, line {number} is not a view", why=why, fix=fix)
            found.setdefault(place[key], []).append(path)
    return found


def _places(items: Sequence[CorpusItem]) -> dict[str, int]:
    return {item.key: i for i, item in enumerate(items)}


def _index(place: Mapping[str, int], item_id: str) -> int:
    if f"grocery/{item_id}" not in place:
        raise ClipListError(
            f"the catalog has no product {item_id}",
            why="photos or clips show it",
            fix="give the catalog, splits and clips of one data set with --data",
        )
    return place[f"grocery/{item_id}"]


def _flat(photos: Mapping[str, list[Path]]) -> list[Path]:
    return [path for paths in photos.values() for path in paths]


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
