"""GroceryLPR clips: their manifest and their pictures.

A clip is a set of photos of one product amid look-alikes, not video. A manifest (``clips_*.jsonl``)
holds a clip a line; a clip holds a recipe for each frame in up to four tiers of difficulty. Source:
GroceryStoreDataset (Klasson, Zhang, Kjellstrom, WACV 2019), arranged as clips. `render` gives bit
for bit the pictures of the data set's own ``render_clip.py``.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
from pydantic import TypeAdapter, ValidationError

from models.data.clip import Clip, Frame, Paste, Side, Tier
from runtime.catalog.feed import read_feed
from runtime.errors import ClipListError

Picture = npt.NDArray[np.uint8]
_Pixels = npt.NDArray[Any]
"""A picture on its way through OpenCV, whose stubs do not tell the element type."""

SMALLEST_CUT = 16
SMALLEST_PASTE = 8
PAPER_WHITE = 238
"""Shop images have a white ground; what is darker than this in any channel is the product."""

_CLIP = TypeAdapter(Clip)


def read_clips(manifest: Path, root: Path, tier: Tier | None = None) -> list[Clip]:
    """Read and check a manifest; keys it does not know are ignored.

    Args:
        manifest: JSON lines, a clip a line.
        root: the folder that photo paths are relative to.
        tier: every clip must have this tier, and only its photos are looked for; all if None.

    Raises:
        ClipListError: a line is not a clip, an id occurs twice, or a photo is missing.
    """
    clips: dict[str, Clip] = {}
    found: set[str] = set()
    for number, line in enumerate(_lines(manifest), start=1):
        if not line.strip():
            continue
        clip = _parse(line, manifest, number)
        if clip.clip_id in clips:
            raise _error(manifest, number, f"clip_id {clip.clip_id!r} occurs twice")
        _check_photos(clip, root, tier, found, manifest, number)
        clips[clip.clip_id] = clip
    if not clips:
        raise ClipListError(
            f"{manifest} has no clips", why="the file is empty", fix="give another --clips file"
        )
    return list(clips.values())


def shop_images(*feeds: Path) -> dict[str, Path]:
    """Product id to shop image, of all products of the feeds.

    Raises:
        FeedError: a feed or one of its rows cannot be used.
    """
    return {row.item.id: row.item.image for feed in feeds for row in read_feed(feed)}


def render(
    clip: Clip,
    tier: Tier,
    root: Path,
    size: int = 320,
    images: Mapping[str, Path] | None = None,
) -> list[Picture]:
    """Make the pictures of a clip.

    Args:
        clip: the clip.
        tier: L0 as photographed, L1 cut, tilted and with strangers, L2 with a second product,
            L3 small, covered, blurred and compressed.
        root: the folder that photo paths are relative to.
        size: side of the pictures in pixels.
        images: shop image of each product that may be pasted; ``root/dev/catalog.csv`` if None.

    Returns:
        uint8 BGR pictures [size, size, 3], a picture a frame recipe.

    Raises:
        ClipListError: the tier, a photo or a pasted product is missing, or a recipe is impossible.
        FeedError: the catalog at the default place cannot be read.
    """
    frames = clip.frames(tier)
    if images is None:
        pasted = any(frame.paste for frame in frames)
        images = shop_images(root / "dev" / "catalog.csv") if pasted else {}
    try:
        return [_render_frame(frame, root, size, images) for frame in frames]
    except cv2.error as error:
        raise ClipListError(
            f"clip {clip.clip_id} cannot be rendered in tier {tier}",
            why=str(error).strip(),
            fix="correct its frame recipes in the manifest",
        ) from error


def _render_frame(frame: Frame, root: Path, size: int, images: Mapping[str, Path]) -> _Pixels:
    picture = _cut(_square(root / frame.src, size), frame.crop)
    if frame.rot:
        turn = cv2.getRotationMatrix2D((size / 2, size / 2), frame.rot, 1.08)
        picture = cv2.warpAffine(picture, turn, (size, size), borderMode=cv2.BORDER_REFLECT)
    picture = np.clip(picture * frame.gain, 0, 255).astype(np.uint8)
    if frame.into:
        picture = _shrink_into(_square(root / frame.into.bg, size), picture, frame.into.box)
    if frame.side:
        picture = _beside(picture, _square(root / frame.side.src, size), frame.side)
    for paste in frame.paste:
        _paste(picture, _shop_image(paste.product_id, images), paste)
    for patch in frame.occl:
        x, y, width, height = (int(v * size) for v in patch.box)
        picture[y : y + height, x : x + width] = patch.color
    if frame.blur:
        picture = cv2.blur(picture, (frame.blur, 1))
    return _compress(picture, frame.jpeg) if frame.jpeg else picture


def _square(path: Path, size: int) -> _Pixels:
    """The centred square of a photo, resized."""
    photo = _read(path)
    height, width = photo.shape[:2]
    side = min(height, width)
    top, left = (height - side) // 2, (width - side) // 2
    cut = photo[top : top + side, left : left + side]
    return cv2.resize(cut, (size, size), interpolation=cv2.INTER_AREA)


def _cut(picture: _Pixels, crop: tuple[float, float, float]) -> _Pixels:
    size = len(picture)
    left, top, side = int(crop[0] * size), int(crop[1] * size), int(crop[2] * size)
    side = max(SMALLEST_CUT, side)
    return cv2.resize(picture[top : top + side, left : left + side], (size, size))


def _shrink_into(ground: _Pixels, picture: _Pixels, box: tuple[float, float, float]) -> _Pixels:
    size = len(ground)
    left, top = int(box[0] * size), int(box[1] * size)
    side = min(int(box[2] * size), size - left, size - top)
    small = cv2.resize(picture, (side, side), interpolation=cv2.INTER_AREA)
    ground[top : top + side, left : left + side] = small
    return ground


def _beside(picture: _Pixels, other: _Pixels, side: Side) -> _Pixels:
    size = len(picture)
    width = int(side.frac * size)
    kept = picture[:, width // 2 : width // 2 + size - width]
    added = other[:, (size - width) // 2 : (size - width) // 2 + width]
    return np.hstack([added, kept] if side.where == "left" else [kept, added])


def _paste(picture: _Pixels, product: _Pixels, paste: Paste) -> None:
    """Lay a product over the picture, in place; its white ground is left out."""
    size = len(picture)
    side = max(SMALLEST_PASTE, int(paste.box[2] * size))
    product = cv2.resize(product, (side, side), interpolation=cv2.INTER_AREA)
    turn = cv2.getRotationMatrix2D((side / 2, side / 2), paste.rot, 0.9)
    product = cv2.warpAffine(product, turn, (side, side), borderValue=(255, 255, 255))
    ink = (product.min(axis=2) < PAPER_WHITE).astype(np.uint8)
    ink = cv2.morphologyEx(ink, cv2.MORPH_CLOSE, np.ones((7, 7), np.uint8))
    left, top = (max(0, int(v * size)) for v in paste.box[:2])
    side = min(side, size - left, size - top)
    if side <= 0:
        return
    alpha = ink[:side, :side, None].astype(np.float32)
    under = picture[top : top + side, left : left + side]
    under[:] = (alpha * product[:side, :side] + (1 - alpha) * under).astype(np.uint8)


def _compress(picture: _Pixels, quality: int) -> _Pixels:
    _, data = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, quality])
    decoded: _Pixels = np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR))
    return decoded


def _shop_image(product_id: str, images: Mapping[str, Path]) -> _Pixels:
    if product_id not in images:
        raise ClipListError(
            f"product {product_id} cannot be pasted into a frame",
            why="the catalog does not have it",
            fix="give the catalog that belongs to the clips",
        )
    return _read(images[product_id])


def _read(path: Path) -> _Pixels:
    picture = cv2.imread(str(path))
    if picture is None:
        raise ClipListError(
            f"cannot read the photo {path}",
            why="it is missing or not a picture",
            fix="restore the file or give the right --root",
        )
    return picture


def _lines(manifest: Path) -> list[str]:
    try:
        return manifest.read_text(encoding="utf-8-sig").split("\n")
    except (OSError, UnicodeDecodeError) as error:
        raise ClipListError(
            f"cannot read the manifest {manifest}", why=str(error), fix="give another --clips file"
        ) from error


def _parse(line: str, manifest: Path, number: int) -> Clip:
    try:
        return _CLIP.validate_json(line)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        place = ".".join(str(part) for part in first["loc"])
        raise _error(
            manifest, number, f"{place}: {first['msg']}" if place else first["msg"]
        ) from error


def _check_photos(
    clip: Clip, root: Path, tier: Tier | None, found: set[str], manifest: Path, number: int
) -> None:
    """Look for every photo once; ``found`` remembers those seen."""
    tiers = clip.tiers.values() if tier is None else [clip.frames(tier)]
    needed = {photo for frames in tiers for frame in frames for photo in frame.photos} - found
    for photo in sorted(needed):
        if not (root / photo).is_file():
            raise _error(manifest, number, f"there is no photo {photo} in {root}")
    found |= needed


def _error(manifest: Path, number: int, why: str) -> ClipListError:
    return ClipListError(
        f"{manifest}, line {number} is not a usable clip",
        why=why,
        fix="correct the line, or give the right --root",
    )
