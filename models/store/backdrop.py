"""What stands behind the product: shelves, a counter, wood and walls, out of focus."""

from __future__ import annotations

import cv2
import numpy as np

WIDTH, HEIGHT = 1280, 720
BACKDROPS = 12  # different views of one shop


def draw_backdrop(rng: np.random.Generator, number: int, pictures: list[np.ndarray]) -> np.ndarray:
    """BGR uint8 (720, 1280, 3); `pictures` are BGRA cut-outs to put on shelves and counters."""
    if not shows_products(number):
        image = _wall(rng)
    elif number % 6 in (1, 4):
        image = _counter(rng, pictures)
    else:
        image = _shelf(rng, pictures)
    blur = float(rng.uniform(1.5, 5.0))
    return cv2.GaussianBlur(image, (0, 0), blur)


def shows_products(number: int) -> bool:
    """Whether products of the shop stand in that backdrop."""
    return number % 6 != 5


def _grain(rng: np.random.Generator, stretch: tuple[int, int]) -> np.ndarray:
    """Smooth noise (720, 1280) around 0, finer where `stretch` is larger."""
    coarse = rng.normal(size=stretch).astype(np.float32)
    return cv2.resize(coarse, (WIDTH, HEIGHT), interpolation=cv2.INTER_CUBIC)


def _surface(rng: np.random.Generator, colour: np.ndarray, wood: bool) -> np.ndarray:
    """A plastered or wooden surface, float32 (720, 1280, 3)."""
    relief = _grain(rng, (5, 8)) * 9 + _grain(rng, (60, 110)) * 4
    if wood:
        relief += _grain(rng, (120, 5)) * 12
        boards = (np.arange(HEIGHT) // int(rng.integers(90, 180))) % 3
        relief += (boards * 9 - 9)[:, None]
    return colour.astype(np.float32) + relief[..., None]


def _muted(rng: np.random.Generator) -> np.ndarray:
    """A BGR colour of furniture or paint."""
    grey = rng.uniform(70, 215)
    return np.clip(
        grey + rng.uniform(-1, 1) * np.array([24, 2, -24]) + rng.normal(0, 9, 3), 20, 240
    )


def _shelf(rng: np.random.Generator, pictures: list[np.ndarray]) -> np.ndarray:
    image = _surface(rng, _muted(rng) * 0.7, False)
    board = _muted(rng)
    rows = int(rng.integers(2, 4))
    pitch = HEIGHT / rows
    for row in range(rows):
        floor = int((row + 1) * pitch - pitch * 0.1)
        x = int(rng.uniform(-80, 0))
        while x < WIDTH:
            picture = pictures[int(rng.integers(len(pictures)))]
            side = int(pitch * rng.uniform(0.78, 0.9))
            for _ in range(int(rng.integers(1, 4))):
                paste(image, picture, x + side // 2, floor - side // 2 + side // 30, side, 0.88)
                x += int(side * rng.uniform(0.6, 0.72))
        image[floor : floor + int(pitch * 0.1)] = board + _grain(rng, (3, 60))[:1, :, None] * 4
        for x in range(int(rng.integers(20, 90)), WIDTH, int(rng.integers(120, 220))):
            tag = image[floor + 8 : floor + int(pitch * 0.1) - 6, x : x + 54]
            tag[:] = (225, 240, 245)
    return np.clip(image, 0, 255).astype(np.uint8)


def _counter(rng: np.random.Generator, pictures: list[np.ndarray]) -> np.ndarray:
    image = _surface(rng, _muted(rng), False)
    edge = int(rng.uniform(0.55, 0.75) * HEIGHT)
    wood = _surface(rng, np.array([70, 105, 150]) * rng.uniform(0.6, 1.3), True)
    image[edge:] = (
        wood[edge:] * np.linspace(0.8, 1.1, HEIGHT - edge, dtype=np.float32)[:, None, None]
    )
    for _ in range(int(rng.integers(3, 7))):
        picture = pictures[int(rng.integers(len(pictures)))]
        side = int(rng.uniform(160, 330))
        x = int(rng.uniform(0, WIDTH))
        paste(image, picture, x, edge + int(rng.uniform(-40, 60)) - side // 3, side, 0.9)
    return np.clip(image, 0, 255).astype(np.uint8)


def _wall(rng: np.random.Generator) -> np.ndarray:
    image = _surface(rng, _muted(rng), bool(rng.random() < 0.5))
    for _ in range(int(rng.integers(2, 7))):
        x0, y0 = rng.uniform(0, WIDTH), rng.uniform(0, HEIGHT)
        x1, y1 = x0 + rng.uniform(80, 420), y0 + rng.uniform(60, 380)
        colour = _muted(rng) * 0.7 + rng.uniform(0, 255, 3) * 0.3
        corners = (int(x0), int(y0)), (int(x1), int(y1))
        cv2.rectangle(image, *corners, colour.tolist(), -1)
        cv2.rectangle(image, *corners, (colour * 0.55).tolist(), 12)
    return np.clip(image, 0, 255).astype(np.uint8)


def paste(image: np.ndarray, picture: np.ndarray, x: int, y: int, side: int, light: float) -> None:
    """Blends a BGRA picture, resized to `side` pixels, into `image` centred on (x, y)."""
    small = cv2.resize(picture, (side, side), interpolation=cv2.INTER_AREA)
    left, top = x - side // 2, y - side // 2
    x0, y0 = max(left, 0), max(top, 0)
    x1, y1 = min(left + side, image.shape[1]), min(top + side, image.shape[0])
    if x0 >= x1 or y0 >= y1:
        return
    part = small[y0 - top : y1 - top, x0 - left : x1 - left]
    weight = part[..., 3:] / np.float32(255)
    area = image[y0:y1, x0:x1]
    area[:] = area * (1 - weight) + part[..., :3] * weight * light
