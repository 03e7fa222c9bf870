"""Calibration samples from the user's own catalog and clips, drawn with a seed."""

from __future__ import annotations

from collections.abc import Sequence
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
    """Draw pictures evenly from the kinds of sources given, and texts from the feeds.

    Args:
        feeds: merchant feeds; their shop pictures and texts.
        pictures: folders of pictures, searched below.
        clips: video files; two frames a second.
        count: pictures in all; fewer where there are not so many.
        seed: of the draw.

    Raises:
        UsageError: a folder is missing, or fewer than two pictures or texts were found.
        FeedError, ClipError: a source cannot be read.
    """
    rng = np.random.default_rng([seed, 23])
    for folder in pictures:
        if not folder.is_dir():
            raise UsageError(
                f"there is no folder {folder}",
                why="pictures to calibrate with were to be there",
                fix="correct --pictures",
            )
    items = [row.item for feed in feeds for row in read_feed(feed)]
    still = [item.image for item in items]
    shot = [f for folder in pictures for f in sorted(folder.rglob("*")) if _is_picture(f)]
    frames = [frame.image for clip in clips for frame in _frames(clip)]
    shares = _shares([len(still), len(shot), len(frames)], count)
    shop = [_loaded(source) for source in _some(still, shares[0], rng)]
    seen = [_loaded(source) for source in _some(shot, shares[1], rng)]
    seen += [_loaded(source) for source in _some(frames, shares[2], rng)]
    texts = [f"{item.title}. {item.description}".strip() for item in _some(items, count, rng)]
    if len(shop) + len(seen) < 2 or len(texts) < 2:
        raise UsageError(
            "there is too little to calibrate with",
            why=f"{len(shop) + len(seen)} pictures and {len(texts)} texts were found",
            fix="give a catalog with --feed, and pictures or clips like those of the store",
        )
    return Samples(seen or shop, texts, shop)


def _shares(found: Sequence[int], count: int) -> list[int]:
    """How many of each kind: as evenly as there are enough, the rest from the others."""
    shares = [0] * len(found)
    for _ in range(min(count, sum(found))):
        able = [i for i, number in enumerate(found) if shares[i] < number]
        shares[min(able, key=lambda i: shares[i])] += 1
    return shares


def _some(source: Sequence[T], count: int, rng: np.random.Generator) -> list[T]:
    chosen = rng.permutation(len(source))[:count]
    return [source[i] for i in sorted(chosen.tolist())]


def _frames(clip: Path) -> list[Frame]:
    with VideoClip(clip) as video:
        return list(video.frames(2.0))


def _is_picture(file: Path) -> bool:
    return file.suffix.lower() in PICTURE_ENDINGS


def _loaded(source: Path | BgrImage) -> BgrImage:
    return (
        decode_image(read_image(source, source.name).data, source.name)
        if isinstance(source, Path)
        else source
    )
