"""What a cheap camera does to a picture: colour cast, exposure, vignette, blur and noise."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np


@dataclass(frozen=True)
class Camera:
    """One camera in one light; gains are per BGR channel, `noise` is in grey levels."""

    gains: tuple[float, float, float]
    exposure: float
    gamma: float
    vignette: float
    noise: float
    softness: float


def random_camera(rng: np.random.Generator) -> Camera:
    """A camera and a light drawn at random."""
    warmth = rng.normal(0, 0.11)
    tint = rng.normal(0, 0.035)
    return Camera(
        gains=(float(np.exp(-warmth)), float(np.exp(tint)), float(np.exp(warmth))),
        exposure=float(np.exp(rng.normal(0.02, 0.2))),
        gamma=float(np.exp(rng.normal(0.05, 0.15))),
        vignette=float(rng.uniform(0.05, 0.4)),
        noise=float(rng.uniform(1.0, 6.5)),
        softness=float(rng.uniform(0.3, 1.1)),
    )


def expose(
    image: np.ndarray,
    camera: Camera,
    rng: np.random.Generator,
    shake: tuple[float, float] = (0.0, 0.0),
    flicker: float = 1.0,
) -> np.ndarray:
    """The picture that `camera` takes of a BGR uint8 image; `shake` is its motion in pixels."""
    height, width = image.shape[:2]
    shot = _smeared(image, *shake)
    if camera.softness > 0.4:
        shot = cv2.GaussianBlur(shot, (0, 0), camera.softness * width / 640 + 0.2)
    shot = cv2.LUT(shot, _curve(camera, flicker))
    shaded = cv2.multiply(shot, _vignette(width, height, round(camera.vignette, 2)), scale=1 / 255)
    return _noisy(shaded, camera.noise, rng)


def _smeared(image: np.ndarray, dx: float, dy: float) -> np.ndarray:
    length = int(min(np.hypot(dx, dy), 15))
    if length < 2:
        return image
    size = length | 1
    kernel = np.zeros((size, size), np.float32)
    unit = np.array([dx, dy]) / np.hypot(dx, dy) * (size // 2)
    centre = size // 2
    first, last = np.round(centre - unit).astype(int), np.round(centre + unit).astype(int)
    cv2.line(kernel, tuple(map(int, first)), tuple(map(int, last)), 1.0, 1)
    return cv2.filter2D(image, -1, kernel / kernel.sum(), borderType=cv2.BORDER_REPLICATE)


def _curve(camera: Camera, flicker: float) -> np.ndarray:
    level = np.arange(256, dtype=np.float32)[:, None] / 255
    gains = np.array(camera.gains, np.float32) * camera.exposure * flicker
    curve = np.clip(level**camera.gamma * gains, 0, 1) * 255
    return curve.astype(np.uint8).reshape(1, 256, 3)


@lru_cache(maxsize=64)
def _vignette(width: int, height: int, strength: float) -> np.ndarray:
    x = np.linspace(-1, 1, width, dtype=np.float32)[None, :]
    y = np.linspace(-1, 1, height, dtype=np.float32)[:, None]
    shade = 255 * (1 - strength * (x * x + y * y) / 2)
    return np.repeat(shade[..., None], 3, 2).astype(np.uint8)


@lru_cache(maxsize=1)
def _noise_field() -> np.ndarray:
    """Unit noise times 32, int16 (1024, 1024, 3), slightly smooth as after demosaicing."""
    noise = np.random.default_rng(7).normal(size=(1024, 1024, 3)).astype(np.float32)
    field = cv2.GaussianBlur(noise, (0, 0), 0.6)
    return (field / field.std() * 32).astype(np.int16)


def _noisy(image: np.ndarray, strength: float, rng: np.random.Generator) -> np.ndarray:
    height, width = image.shape[:2]
    field = _noise_field()
    rows, columns = np.minimum((height, width), (1024, 1024))
    top, left = rng.integers(1025 - rows), rng.integers(1025 - columns)
    grain = field[top : top + rows, left : left + columns]
    if (rows, columns) != (height, width):
        grain = cv2.resize(grain, (width, height), interpolation=cv2.INTER_NEAREST)
    return cv2.addWeighted(image, 1.0, grain, strength / 32, 0, dtype=cv2.CV_8U)
