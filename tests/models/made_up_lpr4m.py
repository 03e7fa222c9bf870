"""A small LPR4M in the published format: two live rooms, four shop images, real JPEG files."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np

ROOM_A, ROOM_B = "7b601b02-2c63-11ee-bb6d-b8cef60c2fd0", "aa-b"
CLIP_1 = f"{ROOM_A}-1667916122888-1667916252390"
CLIP_2 = f"{ROOM_A}-1667916300000-1667916310000"
CLIP_3 = f"{ROOM_B}-1000-31000"

COLOURS = {
    "red": (0, 0, 220),
    "green": (0, 220, 0),
    "blue": (220, 0, 0),
    "grey": (90, 90, 90),
}


def paint(path: Path, colour: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), np.full((12, 16, 3), COLOURS[colour], np.uint8))
    return path


def row(clip: str = CLIP_1, **changes: str) -> str:
    cells = {
        "video_id": clip,
        "frames": json.dumps([f"{clip}-{index:04d}" for index in (0, 1, 2)]),
        "boxes": "[[1, 2, 3, 4], [], []]",
        "image_id": "red",
        "title": "Red bag",
        "category_id": "7",
        "category": "bags",
        "asr": "look at this bag",
        "scale": "small",
        "duration": "long",
        "number": "multiple",
    } | changes
    return "\t".join(cells.values())


def write_train(root: Path, *lines: str, images: Sequence[str] = ("red", "green")) -> Path:
    root.mkdir(exist_ok=True)
    text = "".join(f"{line}\n" for line in lines)
    (root / "training_videoinfo_full_part_00.txt").write_text(text, encoding="utf-8")
    (root / "frames").mkdir(exist_ok=True)
    for image in images:
        paint(root / "images" / f"{image}.jpg", image)
    return root


def make_test(root: Path) -> Path:
    """Room A has a shelf of three; clip 2 shows two right images, clip 3 has no frames."""
    for image in COLOURS:
        paint(root / "images" / f"{image}.jpg", image)
    for index in (3, 0, 12):
        paint(root / "frames" / f"{CLIP_1}-{index:04d}.jpg", "red")
    paint(root / "frames" / f"{CLIP_2}-0000.jpg", "green")
    write(root, "test_videoid_to_gtimage_20079.json", right())
    write(root, "test_liveid_to_gallery_110.json", shelves())
    (root / "test_videoid_asr_20079.txt").write_text(
        f"{CLIP_1}\ta red\tbag\n{CLIP_2}\t\n", encoding="utf-8"
    )
    (root / "test_image_title_6076.txt").write_text("red\tRed bag\n", encoding="utf-8")
    return root


def right() -> dict[str, list[str]]:
    return {CLIP_1: ["red"], CLIP_2: ["green", "blue"], CLIP_3: ["grey"]}


def shelves() -> dict[str, list[str]]:
    return {ROOM_A: ["red", "green", "blue"], ROOM_B: ["grey", "red"]}


def write(root: Path, name: str, value: object) -> None:
    (root / name).write_text(json.dumps(value), encoding="utf-8")


def make_training(root: Path) -> Path:
    """Two clips of each of the four images; nothing is said about the grey one."""
    lines = []
    for number, colour in enumerate(COLOURS):
        for start in (0, 20_000):
            clip = f"training-{number}{start}-{start}-{start + 10_000}"
            words = "" if colour == "grey" else f"look at this {colour} bag"
            named = {"image_id": colour, "title": f"{colour} bag", "asr": words}
            lines.append(row(clip, **named))
            for index in range(3):
                paint(root / "frames" / f"{clip}-{index:04d}.jpg", colour)
    return write_train(root, *lines, images=list(COLOURS))
