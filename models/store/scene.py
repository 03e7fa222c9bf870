"""In-store pictures of a product: a moving camera, clutter, a hand and passing obstacles."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import cv2
import numpy as np

from models.store.backdrop import HEIGHT, WIDTH
from models.store.camera import Camera, expose, random_camera
from models.store.hand import Grip, draw_arm, held, random_grip
from models.store.motion import Wander, wander
from models.store.product import Product
from models.store.store import Store

_CANVASES = (768, 384, 192)  # sides of the held picture, largest first


@dataclass(frozen=True)
class Obstacle:
    """Something that crosses the view: another product, from `start` seconds on."""

    product: Product
    start: float
    speed: float
    height: float
    size: float


@dataclass(frozen=True)
class Scene:
    """One take of a product. Places and sizes are shares of the frame; angles are radians."""

    product: Product
    backdrop: int
    grip: Grip | None
    x: Wander
    y: Wander
    size: Wander
    turn: Wander
    tilt_x: Wander
    tilt_y: Wander
    pan_x: Wander
    pan_y: Wander
    zoom: Wander
    light: Wander
    camera: Camera
    obstacles: tuple[Obstacle, ...]


def random_scene(
    product: Product, store: Store, rng: np.random.Generator, seconds: float, calm: float = 1.0
) -> Scene:
    """A take of about `seconds`; `calm` below 1 reduces the movement around the middle."""
    reach = calm
    size = rng.uniform(0.5, 0.8)
    return Scene(
        product=product,
        backdrop=int(rng.choice(store.backdrops_without(product))),
        grip=random_grip(rng) if rng.random() < 0.75 else None,
        x=wander(rng, rng.uniform(0.38, 0.62), 0.16 * reach),
        y=wander(rng, rng.uniform(0.46, 0.58), 0.1 * reach),
        size=wander(rng, size, 0.14 * reach),
        turn=wander(rng, rng.normal(0, 0.08), 0.28 * reach),
        tilt_x=wander(rng, rng.normal(0, 0.1), 0.5 * reach),
        tilt_y=wander(rng, rng.normal(0, 0.1), 0.35 * reach),
        pan_x=wander(rng, rng.uniform(0.4, 0.6), 0.28 * reach, 0.8),
        pan_y=wander(rng, rng.uniform(0.4, 0.6), 0.22 * reach, 0.8),
        zoom=wander(rng, rng.uniform(0.6, 0.78), 0.14 * reach, 0.7),
        light=wander(rng, 1.0, 0.08),
        camera=random_camera(rng),
        obstacles=tuple(_obstacles(product, store, rng, seconds)),
    )


def _obstacles(
    product: Product, store: Store, rng: np.random.Generator, seconds: float
) -> Iterator[Obstacle]:
    others = [p for p in store.products if p.family != product.family]
    if not others:
        return
    start = rng.uniform(0.25, 0.45) * seconds
    for _ in range(max(1, round(seconds / 8))):
        speed = float(rng.choice([-1, 1]) * rng.uniform(0.5, 0.9))
        other = others[int(rng.integers(len(others)))]
        yield Obstacle(other, float(start), speed, rng.uniform(0.55, 0.95), rng.uniform(0.4, 0.75))
        start += rng.uniform(3.0, 5.0)


def render_frames(
    product: Product,
    store: Store,
    seed: int,
    count: int,
    size: tuple[int, int] = (640, 360),
    fps: float = 12.5,
) -> Iterator[np.ndarray]:
    """`count` frames of one take, BGR uint8 (height, width, 3); `size` is (width, height)."""
    rng = np.random.default_rng([store.seed, 3, seed])
    scene = random_scene(product, store, rng, count / fps)
    for number in range(count):
        yield _frame(scene, store, number / fps, size, rng, 0.5 / fps)


def render_views(
    product: Product, store: Store, seed: int, count: int, size: tuple[int, int] = (320, 180)
) -> list[np.ndarray]:
    """`count` unrelated in-store pictures, BGR uint8 (height, width, 3); `size` (width, height)."""
    rng = np.random.default_rng([store.seed, 4, seed])
    views = []
    for _ in range(count):
        scene = random_scene(product, store, rng, 4.0)
        if rng.random() < 0.7:
            scene = replace(scene, obstacles=())
        views.append(_frame(scene, store, float(rng.uniform(0, 4)), size, rng, 0.04))
    return views


def _frame(
    scene: Scene,
    store: Store,
    time: float,
    size: tuple[int, int],
    rng: np.random.Generator,
    shutter: float,
) -> np.ndarray:
    """The picture at `time` seconds; `shutter` is the exposure time in seconds."""
    image = _behind(scene, store, time, size)
    _overlay(image, store.cutout(scene.product), scene.grip, _corners(scene, time, size))
    for obstacle in scene.obstacles:
        corners = _passing(obstacle, time, size)
        if corners is not None:
            _overlay(image, store.cutout(obstacle.product), None, corners)
    before, after = (
        _corners(scene, time - shutter / 2, size),
        _corners(scene, time + shutter / 2, size),
    )
    shake = (after - before).mean(0)
    return expose(
        image, scene.camera, rng, (float(shake[0]), float(shake[1])), scene.light.at(time)
    )


def _behind(scene: Scene, store: Store, time: float, size: tuple[int, int]) -> np.ndarray:
    """The part of the backdrop that the camera sees."""
    width, height = size
    zoom = min(max(scene.zoom.at(time), 0.35), 0.98)
    # A frame that is not 16:9 sees less of the backdrop's longer side.
    scale = zoom * min(WIDTH / width, HEIGHT / height)
    left = np.clip(scene.pan_x.at(time), 0, 1) * (WIDTH - scale * width)
    top = np.clip(scene.pan_y.at(time), 0, 1) * (HEIGHT - scale * height)
    view = np.array([[scale, 0, left], [0, scale, top]], np.float32)
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    return cv2.warpAffine(
        store.backdrop(scene.backdrop), view, size, flags=flags, borderMode=cv2.BORDER_REFLECT
    )


def _corners(scene: Scene, time: float, size: tuple[int, int]) -> np.ndarray:
    """Where the corners of the held picture land, pixels (4, 2) float32."""
    width, height = size
    half = max(scene.size.at(time), 0.36) * height  # the package takes half of its canvas
    square = np.array([(-1, -1), (1, -1), (1, 1), (-1, 1)], np.float64)
    turn = scene.turn.at(time)
    yaw, pitch = scene.tilt_x.at(time), scene.tilt_y.at(time)
    depth = 1 + 0.22 * (square[:, 0] * np.sin(yaw) + square[:, 1] * np.sin(pitch))
    flat = square * (np.cos(yaw), np.cos(pitch)) / depth[:, None]
    cos, sin = np.cos(turn), np.sin(turn)
    spun = flat @ np.array([(cos, sin), (-sin, cos)])
    centre = (scene.x.at(time) * width, scene.y.at(time) * height)
    return (spun * half + centre).astype(np.float32)


def _passing(obstacle: Obstacle, time: float, size: tuple[int, int]) -> np.ndarray | None:
    """Corners (4, 2) of an obstacle, or None while it is out of view."""
    width, height = size
    along = (time - obstacle.start) * abs(obstacle.speed)
    if not 0 <= along <= 1.6:
        return None
    x = -0.3 + along if obstacle.speed > 0 else 1.3 - along
    half = obstacle.size * height
    square = np.array([(-1, -1), (1, -1), (1, 1), (-1, 1)], np.float32)
    return (square * half + (x * width, obstacle.height * height)).astype(np.float32)


def _overlay(
    image: np.ndarray, picture: np.ndarray, grip: Grip | None, corners: np.ndarray
) -> None:
    """Draws a held picture into `image` so that its canvas lands on `corners`."""
    height, width = image.shape[:2]
    extent = float(np.linalg.norm(corners[1] - corners[0]))
    canvas = next((side for side in reversed(_CANVASES) if side >= extent * 0.8), _CANVASES[0])
    layer = held(picture, grip, canvas)
    source = np.array([(0, 0), (canvas, 0), (canvas, canvas), (0, canvas)], np.float32)
    warp = cv2.getPerspectiveTransform(source, corners)
    if grip is not None:
        unit = warp @ np.diag([canvas, canvas, 1.0])
        draw_arm(image, picture, grip, unit)
    seen = cv2.warpPerspective(layer, warp, (width, height), flags=cv2.INTER_LINEAR)
    weight = 255 - seen[..., 3:].astype(np.uint16)
    image[:] = seen[..., :3] + (image * weight // 255).astype(np.uint8)
