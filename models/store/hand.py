"""A hand that holds a package: the part behind it and the fingers over its front."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

# BGR, from light to dark.
SKINS = (
    (176, 198, 236), (150, 182, 226), (128, 164, 214), (104, 140, 196),
    (80, 112, 168), (62, 88, 138), (46, 66, 104), (38, 50, 78),
)  # fmt: skip


@dataclass(frozen=True)
class Grip:
    """How a hand holds: `side` -1 left, 1 right, 0 from below; reach 0..1 over the front."""

    side: int
    height: float
    reach: float
    skin: tuple[int, int, int]
    sleeve: tuple[int, int, int]
    seed: int


def random_grip(rng: np.random.Generator) -> Grip:
    """A grip drawn at random."""
    skin = SKINS[int(rng.integers(len(SKINS)))]
    sleeve = tuple(int(c) for c in rng.uniform(15, 200, 3))
    return Grip(
        side=int(rng.choice([-1, 1, 0])),
        height=float(rng.uniform(0.4, 0.75)),
        reach=float(rng.uniform(0.15, 0.5)),
        skin=skin,
        sleeve=(sleeve[0], sleeve[1], sleeve[2]),
        seed=int(rng.integers(2**31)),
    )


def held(picture: np.ndarray, grip: Grip | None, canvas: int) -> np.ndarray:
    """A package with the hand that holds it: premultiplied BGRA uint8 (canvas, canvas, 4).

    `picture` is a BGRA cut-out; it takes the middle half of the canvas.
    """
    side = canvas // 2
    small = picture
    if picture.shape[0] != side:
        small = cv2.resize(picture, (side, side), interpolation=cv2.INTER_AREA)
    layer = np.zeros((canvas, canvas, 4), np.uint8)
    box = _box(small) + (canvas - side) / 2
    if grip is not None:
        _behind(layer, box, grip)
    top = (canvas - side) // 2
    alpha = small[..., 3:].astype(np.uint16)
    area = layer[top : top + side, top : top + side]
    premultiplied = small.astype(np.uint16)
    premultiplied[..., :3] = premultiplied[..., :3] * alpha // 255
    area[:] = premultiplied + area * (255 - alpha) // 255
    if grip is not None:
        _in_front(layer, box, grip)
    return layer


def _box(picture: np.ndarray) -> np.ndarray:
    """Left, top, right and bottom of the visible part."""
    solid = picture[..., 3] > 127
    columns, rows = np.flatnonzero(solid.any(0)), np.flatnonzero(solid.any(1))
    return np.array([columns[0], rows[0], columns[-1], rows[-1]], np.float32)


def _limb(
    layer: np.ndarray, start: np.ndarray, end: np.ndarray, width: float, colour: np.ndarray
) -> None:
    """A finger or an arm: a thick stroke, lit along its middle."""
    for share, light in ((1.0, 0.72), (0.82, 0.9), (0.55, 1.0), (0.25, 1.08)):
        tone = [*np.clip(colour * light, 0, 255).tolist(), 255]
        thickness = max(1, round(width * share))
        first, last = np.round(start * 16).astype(int), np.round(end * 16).astype(int)
        cv2.line(
            layer, tuple(map(int, first)), tuple(map(int, last)), tone, thickness, cv2.LINE_AA, 4
        )


def _behind(layer: np.ndarray, box: np.ndarray, grip: Grip) -> None:
    """The palm, which the package hides in part."""
    size = (box[3] - box[1]) * 0.5
    palm = _palm(box, grip)
    wrist = palm + _towards_elbow(grip) * size * 0.3
    _limb(layer, palm, wrist, size * 0.46, np.array(grip.skin, np.float32))


def _towards_elbow(grip: Grip) -> np.ndarray:
    """Direction (2,) from the palm along the arm."""
    return np.array([0.55 * grip.side if grip.side else 0.15, 1.0])


def draw_arm(image: np.ndarray, picture: np.ndarray, grip: Grip, warp: np.ndarray) -> None:
    """Draws wrist, arm and sleeve into a BGR frame, down to its lower edge.

    `picture` is the BGRA cut-out that is held and `warp` (3, 3) brings a unit square around
    it, twice its size, to frame pixels.
    """
    side = picture.shape[0]
    box = (_box(picture) / side + 0.5) / 2
    size = (box[3] - box[1]) * 0.5
    palm = _palm(box, grip)
    wrist = palm + _towards_elbow(grip) * size * 0.25
    ends = cv2.perspectiveTransform(np.array([[palm, wrist]], np.float32), warp)[0]
    along = ends[1] - ends[0]
    length = max(float(np.linalg.norm(along)), 1.0)
    thick = length / (0.25 * float(np.linalg.norm(_towards_elbow(grip))))
    # Whatever way the package is turned, the arm comes from below.
    down = along / length + np.array([0.0, 0.7])
    down = down / np.linalg.norm(down)
    cuff = ends[1] + down * thick * 0.55
    elbow = cuff + down * float(sum(image.shape[:2]))
    _limb(image, ends[0], cuff + down * thick * 0.2, thick * 0.42, np.array(grip.skin, np.float32))
    _limb(image, cuff + down * thick * 0.3, elbow, thick * 0.58, np.array(grip.sleeve, np.float32))


def _palm(box: np.ndarray, grip: Grip) -> np.ndarray:
    left, top, right, bottom = box
    size = (bottom - top) * 0.5
    if grip.side == 0:
        return np.array([(left + right) / 2, bottom - size * 0.02])
    edge = right if grip.side > 0 else left
    return np.array([edge - grip.side * size * 0.02, top + (bottom - top) * (grip.height + 0.08)])


def _in_front(layer: np.ndarray, box: np.ndarray, grip: Grip) -> None:
    """Four fingers around an edge, or from below the thumb and fingers on both sides."""
    rng = np.random.default_rng(grip.seed)
    left, top, right, bottom = box
    size = (bottom - top) * 0.5
    skin = np.array(grip.skin, np.float32)
    width = size * 0.165
    if grip.side == 0:
        for dx in (-0.3, -0.12, 0.06, 0.24):
            x = (left + right) / 2 + dx * size
            tip = np.array([x + rng.normal(0, 2), bottom - size * (0.12 + 0.4 * grip.reach)])
            _limb(layer, np.array([x, bottom + size * 0.14]), tip, width, skin)
        return
    edge = right if grip.side > 0 else left
    span = min(right - left, size)
    for number in range(4):
        y = top + (bottom - top) * grip.height + (number - 1.5) * width * 1.02
        length = (0.12 + grip.reach * 0.6) * span * (1.0, 1.15, 1.08, 0.8)[number]
        root = np.array([edge + grip.side * size * 0.07, y + size * 0.05])
        tip = np.array([edge - grip.side * length, y + rng.normal(0, 1.5)])
        _limb(layer, root, tip, width, skin)
