"""A made-up catalog of any size, written and read by the runtime's own catalog."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from runtime.bundle.manifest import Manifest
from runtime.catalog.catalog import FloatArray, Item, ItemVectors

if TYPE_CHECKING:
    from runtime.catalog.sqlite_catalog import SqliteCatalog

ORIGIN = "synthetic"
"""Stands in the record where the digest of the bundle that encoded a catalog stands."""

_KINDS = ("tea", "coffee", "juice", "soap", "rice", "bread", "cheese", "candle", "lamp", "scarf")
_LOOKS = ("red", "green", "blue", "white", "dark", "mild", "fresh", "classic", "large", "small")
_MAKERS = 211
"""A prime, so that maker, look and kind go their own ways through the catalog."""


def made_up_catalog(folder: Path, manifest: Manifest, items: int, seed: int = 0) -> SqliteCatalog:
    """Publish products with random unit vectors in the sizes of a bundle, and open them.

    One small picture serves all products: a search reads vectors and titles only.

    Args:
        folder: of the new catalog; must not exist or be empty.
        manifest: of the bundle whose sizes the vectors have.
        items: at least 1.
        seed: of the vectors.
    """
    # Here, as made-up frames are also drawn where no package reads pictures.
    from runtime.catalog.images import read_image
    from runtime.catalog.sqlite_catalog import SqliteCatalog

    folder.mkdir(parents=True, exist_ok=True)
    with SqliteCatalog.build(folder, ORIGIN) as catalog:
        image = catalog.images.add(read_image(_picture(folder.parent), "the made-up picture"))
        vectors = made_up_vectors(manifest, items, seed)
        catalog.upsert(zip(made_up_items(items, image), vectors, strict=True))
        catalog.publish()
    return SqliteCatalog.open(folder)


def made_up_items(count: int, image: Path) -> Iterator[Item]:
    """Products with titles of three words and a number."""
    for number in range(count):
        kind, look = _KINDS[number % len(_KINDS)], _LOOKS[number // 7 % len(_LOOKS)]
        title = f"{look} {kind} of maker {number % _MAKERS} number {number}"
        yield Item(f"item-{number:07}", title, f"{kind}, {look}", image)


def made_up_vectors(manifest: Manifest, count: int, seed: int) -> Iterator[ItemVectors]:
    """Items with unit halves and no bias, as an item head gives them, and unit nodes."""
    vector, (nodes, width), visual = sizes(manifest)
    rng = np.random.default_rng([seed, 41])
    for _ in range(count):
        item = rng.standard_normal(vector, np.float32)
        item[:visual] = _unit(item[:visual])
        item[visual] = 0.0
        item[visual + 1 :] = _unit(item[visual + 1 :])
        yield ItemVectors(item, _unit(rng.standard_normal((nodes, width), np.float32)))


def sizes(manifest: Manifest) -> tuple[int, tuple[int, int], int]:
    """V, (M, G) and the length of the visual half, as the manifest states them."""
    item, nodes = (port.shape for port in manifest.submodules["item_head"].outputs)
    text = manifest.submodules["query_head"].inputs[3].shape[1]
    vector = int(item[1])
    return vector, (int(nodes[1]), int(nodes[2])), vector - 1 - int(text)


def made_up_frames(
    count: int, size: tuple[int, int] = (720, 1280), seed: int = 0
) -> list[npt.NDArray[np.uint8]]:
    """Camera frames uint8 [H, W, 3] BGR: coloured clouds, each another."""
    import cv2

    rng = np.random.default_rng([seed, 43])
    coarse = rng.integers(0, 256, (count, 9, 16, 3), np.uint8)
    height, width = size
    clouds = [cv2.resize(one, (width, height), interpolation=cv2.INTER_CUBIC) for one in coarse]
    return [np.asarray(cloud, np.uint8) for cloud in clouds]


def _picture(folder: Path) -> Path:
    import cv2

    place = folder / "made-up.png"
    cv2.imwrite(str(place), np.full((8, 8, 3), 127, np.uint8))
    return place


def _unit(values: FloatArray) -> FloatArray:
    unit: FloatArray = values / np.linalg.norm(values, axis=-1, keepdims=True)
    return unit
