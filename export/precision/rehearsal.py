"""What every submodule is given on the device, recorded by running a bundle on samples.

The bundle's own network runs as on a kiosk: single frames, clips that are full, short, one frame
long or without frames, with words and without, shop images, short lists that are full and not.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from export.samples import Samples
from runtime.bundle.manifest import SUBMODULES
from runtime.bundle.reader import Bundle
from runtime.catalog.progress import Progress
from runtime.engines.opening import onnxruntime_engine
from runtime.engines.settings import EngineSettings
from runtime.engines.watched import WatchedEngine, copied
from runtime.memory import EncodedFrame
from runtime.network import Network, Query
from runtime.preprocess import frame_input, letterbox
from runtime.text import TextTokenizer

Array = npt.NDArray[Any]
Feed = Mapping[str, Array]

CLIPS = 16
"""Clips at most; more pictures make their frames, not their number."""

BATCH = 8
"""Shop images encoded together."""


@dataclass(frozen=True)
class Rehearsal:
    """A run of a bundle on samples.

    Attributes:
        feeds: what each submodule was given, by its name, in order.
        queries: float32 [Q, V], the query vectors that came out.
    """

    feeds: Mapping[str, tuple[Feed, ...]]
    queries: npt.NDArray[np.float32]


def rehearse(bundle: Bundle, samples: Samples, progress: Progress) -> Rehearsal:
    """Run a bundle on samples; the same samples give the same feeds.

    Raises:
        EngineError: a submodule does not load or run.
    """
    fed: dict[str, list[Feed]] = {name: [] for name in SUBMODULES}
    with ExitStack() as opened:
        engines = {
            name: opened.enter_context(_watched(bundle, name, fed[name])) for name in SUBMODULES
        }
        text = bundle.manifest.text
        words = TextTokenizer.load(bundle.folder / text.tokenizer, text.max_tokens)
        network = Network(bundle, engines, words)
        queries = _play(network, samples, progress)
        feeds = {name: tuple(runs) for name, runs in fed.items()}
        return Rehearsal(feeds, np.stack([query.vector for query in queries]))


def _watched(bundle: Bundle, name: str, fed: list[Feed]) -> WatchedEngine:
    """A submodule that keeps what it is given in a list."""
    engine = onnxruntime_engine(bundle, name, EngineSettings(threads=1)).open()
    return WatchedEngine(engine, lambda feeds, _: fed.append(copied(feeds)))


def _play(network: Network, samples: Samples, progress: Progress) -> list[Query]:
    size = network.image_size
    frames: list[EncodedFrame] = []
    pictures = progress(samples.pictures, label="Running on samples", total=len(samples.pictures))
    for number, picture in enumerate(pictures):
        frames += network.encode_frames(frame_input(picture, size)[None], [number * 0.5])
    queries = _ask(network, frames, samples.texts)
    stock = samples.shop_images or samples.pictures
    shop = [letterbox(picture, size, antialias=True) for picture in stock]
    items = []
    for start in range(0, len(shop), BATCH):
        batch = shop[start : start + BATCH]
        titles = [samples.texts[(start + i) % len(samples.texts)] for i in range(len(batch))]
        # The last of a batch has no text, as some products of a shop do.
        texts = [(title, "") for title in titles[: len(batch) - 1]] + [("", "")]
        items += network.encode_items(np.stack(batch), texts)
    vectors, nodes = np.stack([i.item for i in items]), np.stack([i.nodes for i in items])
    for number, query in enumerate(queries):
        count = min(len(items), network.shortlist if number % 2 == 0 else network.shortlist // 2)
        scores = vectors @ query.vector
        best = np.argsort(-scores, kind="stable")[:count]
        network.rerank(query, vectors[best], nodes[best], scores[best])
    return queries


def _ask(network: Network, frames: list[EncodedFrame], texts: Sequence[str]) -> list[Query]:
    """Clips of T frames after one another, each also cut short; one frame; words alone."""
    said = network.encode_texts(texts)
    length, heard = network.frames, said.row(0)
    queries = [network.query(frames[:1], None), network.query(frames[:1], heard)]
    queries.append(network.query([], heard))
    for number, start in enumerate(range(0, len(frames), length)[:CLIPS]):
        clip, heard = frames[start : start + length], said.row(number % len(texts))
        queries.append(network.query(clip, heard))
        queries.append(network.query(clip, None))
        queries.append(network.query(clip[: 1 + number % length], heard))
    return queries
