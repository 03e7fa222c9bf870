"""Makes the vectors of a self-test: the demo store, run through the bundle itself."""

from __future__ import annotations

import random
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from runtime.bundle.manifest import SUBMODULES, Manifest, SelfTest
from runtime.bundle.reader import Bundle
from runtime.bundle.self_test import submodule_engine
from runtime.bundle.vectors import Vectors
from runtime.engines.engine import Array, Engine
from runtime.engines.watched import WatchedEngine, copied
from runtime.errors import BundleError

if TYPE_CHECKING:
    from runtime.network import Network

TOLERANCE = {"fp32": 1e-3, "fp16": 1e-2, "int8": 0.2}
"""Relative error allowed to another processor.

INT8 kernels round in different places: on one processor, integer and float kernels of the same
graph are 0.08 apart. Kernels that overflow, the fault to find, are 0.8 apart and more.
"""

FRAMES = 2
"""Pictures of the stored query; the rest of its T frames is masked, as in a clip's beginning."""


def self_test_section(manifest: Manifest) -> SelfTest:
    """The manifest's section for vectors made by `record`."""
    parts = manifest.submodules.items()
    return SelfTest(tolerance={name: TOLERANCE[part.precision] for name, part in parts})


def record(bundle: Bundle, feed: Path, seed: int) -> dict[str, Vectors]:
    """One realistic run of every submodule, on ONNX Runtime.

    Args:
        bundle: verified.
        feed: products with pictures.
        seed: which of them are taken.

    Raises:
        BundleError: an output is not finite.
        EngineError: a submodule does not load or run.
        FeedError: the feed or a picture is damaged.
    """
    from runtime.network import Network
    from runtime.text import TextTokenizer

    manifest = bundle.manifest
    words = TextTokenizer.load(bundle.folder / manifest.text.tokenizer, manifest.text.max_tokens)
    kept: dict[str, Vectors] = {}
    with ExitStack() as opened:
        engines = {
            name: _watched(opened.enter_context(submodule_engine(bundle, name)), kept)
            for name in SUBMODULES
        }
        _show(Network(bundle, engines, words), _products(feed, seed, manifest.shortlist))
    vectors = {name: kept[name] for name in SUBMODULES}
    for name, one in vectors.items():
        if not all(np.isfinite(output).all() for output in one.outputs.values()):
            raise BundleError(
                f"the bundle in {bundle.folder} cannot have a self-test",
                why=f"{name} gives outputs that are not finite",
                fix="export the checkpoint again, or choose another precision plan",
            )
    return vectors


@dataclass(frozen=True)
class _Product:
    title: str
    description: str
    picture: npt.NDArray[np.uint8]


def _products(feed: Path, seed: int, count: int) -> list[_Product]:
    """Drawn from a feed; over again where it has fewer."""
    from runtime.catalog.feed import read_feed
    from runtime.catalog.images import decode_image, read_image

    rows = read_feed(feed)
    drawn = random.Random(seed).sample(rows, min(count, len(rows)))
    products = [
        _Product(
            row.item.title,
            row.item.description,
            decode_image(read_image(row.item.image, row.name).data, row.name),
        )
        for row in drawn
    ]
    return [products[place % len(products)] for place in range(count)]


def _show(network: Network, products: list[_Product]) -> None:
    """Two pictures and a title as the query, all products as candidates."""
    from runtime.preprocess import frame_input, letterbox

    size = network.image_size
    seen = np.stack([frame_input(one.picture, size) for one in products[:FRAMES]])
    frames = network.encode_frames(seen, [float(time_s) for time_s in range(len(seen))])
    query = network.query(frames, network.encode_texts([products[0].title]))
    items = []
    for one in products:
        square = letterbox(one.picture, size, antialias=True)
        items += network.encode_items(square[None], [(one.title, one.description)])
    vectors, nodes = (np.stack([getattr(item, of) for item in items]) for of in ("item", "nodes"))
    network.rerank(query, vectors, nodes, vectors @ query.vector)


def _watched(engine: Engine, kept: dict[str, Vectors]) -> WatchedEngine:
    """Keeps the first run of an engine under its name."""

    def keep(feeds: Mapping[str, Array], outputs: Mapping[str, Array]) -> None:
        if engine.name not in kept:
            kept[engine.name] = Vectors(copied(feeds), copied(outputs))

    return WatchedEngine(engine, keep)
