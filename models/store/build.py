"""Writes a synthetic shop to a folder: catalog feed, shop images and narrated clips."""

from __future__ import annotations

import csv
import hashlib
import json
import shutil
from collections.abc import Callable
from dataclasses import asdict, dataclass
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
import PIL

from models.store.artwork import studio
from models.store.clip import sound_track, write_clip
from models.store.narration import narrate
from models.store.product import Product
from models.store.scene import render_frames
from models.store.speech import Voice, espeak_version, random_voice
from models.store.store import Store, open_store
from runtime.errors import StorageError, UsageError

VERSION = 1  # of the generator; a change of it changes the pictures of a seed
SIZE = (640, 360)
FPS = Fraction(25, 2)
SECONDS = 10.0
CLIP_STYLES = ("named", "kind", "sibling", "named", "chatter", "kind")
COLUMNS = (
    "id", "title", "description", "image_link", "product_type", "brand", "availability",
    "condition", "price", "item_group_id", "language",
)  # fmt: skip

Progress = Callable[[str], None]


@dataclass(frozen=True)
class Take:
    """One clip to make: which product, how it is spoken of and by which voice."""

    product: Product
    style: str
    narration: str
    voice: Voice
    seed: int


def build_store(
    out: Path,
    seed: int = 0,
    clips: int = 6,
    count: int = 48,
    force: bool = False,
    progress: Progress = lambda step: None,
) -> Path:
    """Writes the shop of `seed` into `out` and returns `out`.

    `progress` is called with the name of each finished image or clip. Refuses a folder that
    holds anything, unless `force` is set, which replaces an earlier store and keeps other files.
    """
    out = Path(out)
    store = open_store(seed, count)
    _refuse_used(out, force)
    espeak = espeak_version()  # fails before anything is written when there is none
    _prepare(out)
    for product in store.products:
        _write_image(out, store, product)
        progress(product.id)
    _write_catalog(out / "catalog.csv", store)
    lines = []
    for number, take in enumerate(plan_takes(store, clips), 1):
        name = f"clips/{number:02d}.mp4"
        _write_take(out / name, store, take)
        lines.append(_clip_line(name, take))
        progress(name)
    (out / "clips.jsonl").write_text("".join(line + "\n" for line in lines), encoding="utf-8")
    _write_manifest(out, seed, espeak)
    return out


def plan_takes(store: Store, clips: int) -> list[Take]:
    """The clips of a shop: each of another family while there are enough."""
    rng = np.random.default_rng([store.seed, 5])
    families = sorted({p.family for p in store.products})
    order = [families[i] for i in rng.permutation(len(families))]
    takes = []
    for number in range(clips):
        family = order[number % len(order)]
        members = [p for p in store.products if p.family == family]
        product = members[int(rng.integers(len(members)))]
        style = CLIP_STYLES[number % len(CLIP_STYLES)]
        narration = narrate(product, store, rng, style)
        takes.append(Take(product, style, narration, random_voice(rng), int(rng.integers(10**6))))
    return takes


def _refuse_used(out: Path, force: bool) -> None:
    if out.exists() and not out.is_dir():
        raise UsageError(
            "The store cannot be written", why=f"{out} is a file", fix="name a new folder"
        )
    if out.is_dir() and any(out.iterdir()) and not force:
        raise UsageError(
            "The store cannot be written",
            why=f"{out} is not empty",
            fix="name a new folder, or add --force to replace an earlier store",
        )


def _prepare(out: Path) -> None:
    _remove_earlier(out)
    try:
        for folder in ("images", "clips"):
            (out / folder).mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StorageError(
            "The store cannot be written", why=str(error), fix="choose a writable folder"
        ) from error


def _remove_earlier(out: Path) -> None:
    """Deletes what an earlier build wrote, and nothing else."""
    for folder in ("images", "clips"):
        shutil.rmtree(out / folder, ignore_errors=True)
    for name in ("catalog.csv", "clips.jsonl", "store.json"):
        (out / name).unlink(missing_ok=True)


def _write_image(out: Path, store: Store, product: Product) -> None:
    picture = studio(store.cutout(product))
    done, data = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, 88])
    if not done:
        raise StorageError(
            "A shop image cannot be encoded", why=product.id, fix="reinstall opencv-python-headless"
        )
    (out / "images" / f"{product.id}.jpg").write_bytes(data.tobytes())


def _write_catalog(path: Path, store: Store) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(COLUMNS)
        for p in store.products:
            writer.writerow((
                p.id, p.title, p.description, f"images/{p.id}.jpg", p.product_type,
                p.design.brand, "in_stock", "new", p.price, p.family, "en",
            ))  # fmt: skip


def _write_take(path: Path, store: Store, take: Take) -> None:
    frames = render_frames(take.product, store, take.seed, int(SECONDS * FPS), SIZE, float(FPS))
    rng = np.random.default_rng([store.seed, 6, take.seed])
    track = sound_track(take.narration, take.voice, SECONDS, rng)
    write_clip(path, frames, SIZE, FPS, track)


def _clip_line(name: str, take: Take) -> str:
    return json.dumps({
        "clip": name, "expected": take.product.id, "narration": take.narration,
        "style": take.style, "voice": asdict(take.voice), "seed": take.seed,
    })  # fmt: skip


def _write_manifest(out: Path, seed: int, espeak: str) -> None:
    files = sorted(p for p in out.rglob("*") if p.is_file() and p.name != "store.json")
    manifest = {
        "generator": VERSION,
        "seed": seed,
        "versions": {
            "numpy": np.__version__, "opencv": cv2.__version__, "pillow": PIL.__version__,
            "av": av.__version__, "espeak-ng": espeak,
        },
        "files": {
            p.relative_to(out).as_posix(): hashlib.sha256(p.read_bytes()).hexdigest()
            for p in files
        },
    }  # fmt: skip
    (out / "store.json").write_text(json.dumps(manifest, indent=2) + "\n", encoding="utf-8")
