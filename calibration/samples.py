"""Calibration samples from the user's own catalog and clips, drawn with a seed."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from export.samples import Samples
from runtime.capture.camera import Frame
from runtime.capture.clip import VideoClip
from runtime.catalog.feed import read_feed
from runtime.catalog.images import decode_image, read_image
from runtime.errors import UsageError

BgrImage = npt.NDArray[np.uint8]
T = TypeVar("T")
PICTURE_ENDINGS = (".jpg", ".jpeg", ".png", ".webp")


def draw_samples(
    *, feeds: Sequence[Path], pictures: Sequence[Path], clips: Sequence[Path], count: int, seed: int
) -> Samples:
    """Draw pictures and texts.

    Shop images, pictures and frames get even shares; among shop images so do look-alike groups,
    among pictures folders, among frames clips.

    Args:
        feeds: merchant feeds; their shop pictures and texts.
        pictures: folders of pictures, searched below.
        clips: video files; two frames a second.
        count: pictures in all; fewer where there are not so many.
        seed: of the draw.

    Raises:
        UsageError: a folder is missing or has no pictures, or fewer than two pictures or texts
            were found.
        FeedError, ClipError: a source cannot be read.
    """
    rng = np.random.default_rng([seed, 23])
    found = {folder: _pictures_below(folder) for folder in pictures}
    items = [row.item for feed in feeds for row in read_feed(feed)]
    still = _groups((item.group or item.id, item.image) for item in items)
    shot = _groups((str(f.parent), f) for files in found.values() for f in files)
    frames = _groups((str(clip), frame.image) for clip in clips for frame in _frames(clip))
    sizes = [sum(map(len, groups)) for groups in (still, shot, frames)]
    shares = _shares(sizes, count)
    shop = [_loaded(source) for source in _stratified(still, shares[0], rng)]
    seen = [_loaded(source) for source in _stratified(shot, shares[1], rng)]
    seen += _stratified(frames, shares[2], rng)
    texts = [f"{item.title}. {item.description}".strip() for item in _some(items, count, rng)]
    if len(shop) + len(seen) < 2 or len(texts) < 2:
        raise UsageError(
            "there is too little to calibrate with",
            why=f"{len(shop) + len(seen)} pictures and {len(texts)} texts were found",
            fix="give a catalog with --feed, and pictures or clips like those of the store",
        )
    return Samples(seen or shop, texts, shop)


def _shares(sizes: Sequence[int], count: int, order: Iterable[int] | None = None) -> list[int]:
    """How many of each: as evenly as there are enough; what does not divide goes by the order."""
    shares, turn = [0] * len(sizes), list(range(len(sizes)) if order is None else order)
    left = min(count, sum(sizes))
    while left:
        for place in [i for i in turn if shares[i] < sizes[i]][:left]:
            shares[place] += 1
            left -= 1
    return shares


def _groups(members: Iterable[tuple[str, T]]) -> list[list[T]]:
    """Members by what they have in common, in the order in which each group first appears."""
    found: dict[str, list[T]] = {}
    for name, member in members:
        found.setdefault(name, []).append(member)
    return list(found.values())


def _stratified(groups: list[list[T]], count: int, rng: np.random.Generator) -> list[T]:
    """As many of each group as of any other, as far as there are enough."""
    shares = _shares([len(group) for group in groups], count, rng.permutation(len(groups)))
    chosen = zip(groups, shares, strict=True)
    return [one for group, share in chosen for one in _some(group, share, rng)]


def _some(source: Sequence[T], count: int, rng: np.random.Generator) -> list[T]:
    chosen = rng.permutation(len(source))[:count]
    return [source[i] for i in sorted(chosen.tolist())]


def _frames(clip: Path) -> list[Frame]:
    with VideoClip(clip) as video:
        return list(video.frames(2.0))


def _pictures_below(folder: Path) -> list[Path]:
    named = [f for f in sorted(folder.rglob("*")) if f.suffix.lower() in PICTURE_ENDINGS]
    found = [f for f in named if not f.is_dir()]
    if not found:
        wanted = ", ".join(PICTURE_ENDINGS)
        there = (
            f"there is no {wanted} file in or below it" if folder.is_dir() else "it is no folder"
        )
        raise UsageError(f"there are no pictures in {folder}", why=there, fix="correct --pictures")
    return found


def _loaded(source: Path) -> BgrImage:
    return decode_image(read_image(source, str(source)).data, str(source))
