"""A small shop in the layout of GroceryLPR, made by the test."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

PRODUCTS = {
    "red-milk": ("Red Milk", "Fresh whole milk in a red carton with a cow on it", "milk"),
    "blue-milk": ("Blue Milk", "Light milk in a blue carton with a river on it", "milk"),
    "pear": ("Green Pear", "Sweet and firm, grown in the valley next to the town", "fruit"),
    "plum": ("Dark Plum", "Small and sour, good for jam and for cakes", "fruit"),
}
NOVEL = "plum"
"""Has no training photos."""

PHOTOS = 3


def make_grocery(root: Path) -> Path:
    """Write catalog, photos, splits and clips below ``root``; returns it."""
    dev = root / "dev"
    for number, product in enumerate(PRODUCTS):
        _write(dev / "catalog" / f"{product}.png", _shop_picture(number))
        for split in ("train", "val"):
            for photo in range(PHOTOS):
                if split == "val" or product != NOVEL:
                    seed = number * 10 + photo + 100 * (split == "val")
                    _write(dev / photo_path(split, product, photo), _photo(number, seed))
    _write_catalog(dev / "catalog.csv")
    _write_splits(dev / "splits.csv")
    for split in ("train", "val"):
        lines = [_clip(split, p) for p in PRODUCTS if split == "val" or p != NOVEL]
        text = "".join(json.dumps(line) + "\n" for line in lines)
        (dev / f"clips_{split}.jsonl").write_text(text, encoding="utf-8")
    return root


def photo_path(split: str, product: str, photo: int) -> str:
    """Relative to ``dev``."""
    return f"images/{split}/{product}_{photo}.png"


def _write(path: Path, picture: npt.NDArray[np.uint8]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), picture)


def _pattern(number: int) -> npt.NDArray[np.uint8]:
    small = np.random.default_rng(number).integers(0, 200, (5, 5, 3), dtype=np.uint8)
    return np.asarray(cv2.resize(small, (64, 64), interpolation=cv2.INTER_NEAREST), np.uint8)


def _shop_picture(number: int) -> npt.NDArray[np.uint8]:
    white = np.full((96, 96, 3), 255, np.uint8)
    white[16:80, 16:80] = _pattern(number)
    return white


def _photo(number: int, seed: int) -> npt.NDArray[np.uint8]:
    rng = np.random.default_rng(1000 + seed)
    ground = rng.integers(60, 120, (90, 120, 3), dtype=np.uint8)
    top, left = rng.integers(0, 26), rng.integers(0, 56)
    ground[top : top + 64, left : left + 64] = _pattern(number)
    return ground


def _write_catalog(path: Path) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["id", "title", "description", "image_link", "product_type", "item_group_id"])
        for product, (title, about, kind) in PRODUCTS.items():
            image = f"catalog/{product}.png"
            rows.writerow([product, title, about, image, f"Grocery > {kind}", kind])


def _write_splits(path: Path) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["path", "split", "product_id"])
        for product in PRODUCTS:
            for split in ("train", "val"):
                for photo in range(PHOTOS):
                    if split == "val" or product != NOVEL:
                        rows.writerow([photo_path(split, product, photo), split, product])


def _clip(split: str, product: str) -> dict[str, Any]:
    title = PRODUCTS[product][0].lower()
    frames = [
        {"src": f"dev/{photo_path(split, product, i)}", "crop": [0, 0, 1], "gain": 1, "rot": 0}
        for i in range(PHOTOS)
    ]
    hard = [{**frame, "gain": 0.7, "rot": 5, "jpeg": 40} for frame in frames]
    return {
        "clip_id": f"{split}-{product}",
        "product_id": product,
        "novel": int(product == NOVEL),
        "domain": "Grocery",
        "asr_kind": "named",
        "text_clean": f"look at the {title}",
        "text_asr": f"look at {title} from here",
        "tiers": {"L0": frames, "L3": hard},
    }
