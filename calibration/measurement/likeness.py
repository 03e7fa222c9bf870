"""How alike a plan's network is to FP32, from a seeded sample of clips: cheap, without a catalog.

Each submodule is fed what FP32's submodule was fed, so its figures hold its own error alone. Query
vectors are made by the plan's whole network, all errors together.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import numpy.typing as npt

from calibration.measurement.exam import Exam
from calibration.records.measurement import Cosine
from export.compare import cosines
from models.data.grocery_lpr import render
from runtime.bundle.manifest import SUBMODULES
from runtime.bundle.reader import open_bundle
from runtime.engines.engine import Array, Engine
from runtime.engines.opening import onnxruntime_engine
from runtime.engines.settings import EngineSettings
from runtime.engines.watched import WatchedEngine, copied
from runtime.network import Network
from runtime.preprocess import frame_input
from runtime.sampler import spread
from runtime.text import TextTokenizer

CLIPS = 16
"""Clips of a sample, where there are so many."""

Feeds = Mapping[str, Array]
FloatArray = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Probe:
    """A sample of clips as the network takes them.

    Attributes:
        frames: uint8 [T', S, S, 3] RGB of each clip.
        words: what is said in each.
        titles: title and description of the products shown, a clip each.
    """

    frames: tuple[npt.NDArray[np.uint8], ...]
    words: tuple[str, ...]
    titles: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Likeness:
    """Cosines to FP32.

    Attributes:
        outputs: by ``submodule.output``, over the rows of its last axis.
        query: of the query vectors of every clip, with and without its words.
    """

    outputs: Mapping[str, Cosine]
    query: Cosine


def draw_probe(exam: Exam, bundle: Path, seed: int, count: int = CLIPS) -> Probe:
    """Clips of the exam, drawn with a seed.

    Args:
        exam: clips and products.
        bundle: of the network, for the size of its pictures.
        seed: of the draw.
        count: fewer where there are not so many.

    Raises:
        SgmnError: a clip cannot be rendered, or the bundle is damaged.
    """
    manifest = open_bundle(bundle).manifest
    question, size = exam.questions[0], manifest.preprocessing.size
    order = np.random.default_rng([seed, 29]).permutation(len(exam.clips))[:count]
    clips = [exam.clips[i] for i in sorted(order.tolist())]
    images = {item.id: item.image for item in exam.items.values()}
    frames = []
    for clip in clips:
        pictures = render(clip, question.tier, exam.root, images=images)
        chosen = spread(len(pictures), manifest.frames)
        frames.append(np.stack([frame_input(pictures[i], size) for i in chosen]))
    shown = [exam.items[str(clip.product_id)] for clip in clips]
    return Probe(
        tuple(frames),
        tuple(clip.text(question.text_field) for clip in clips),
        tuple((item.title, item.description) for item in shown),
    )


class _Recorder(WatchedEngine):
    """An engine that notes what it is fed and answers."""

    def __init__(self, engine: Engine) -> None:
        super().__init__(engine, self._note)
        self.noted: list[tuple[Feeds, Feeds]] = []

    def _note(self, feeds: Feeds, answered: Feeds) -> None:
        self.noted.append((copied(feeds), copied(answered)))

    def answer(self, number: int, feeds: Feeds) -> Feeds:
        """The answer to feeds; noted already where its run of that number was fed the same."""
        given, answered = self.noted[number]
        same = all(np.array_equal(given[name], value) for name, value in feeds.items())
        return answered if same else self._engine.run(feeds)


class Likener:
    """Compares bundles with the FP32 bundle on one probe.

    Args:
        source: the FP32 bundle.
        probe: the sample.
        threads: of one run of a submodule; 0 lets the engine choose.

    Raises:
        BundleError: the FP32 bundle is damaged, on first use.
        EngineError: a submodule of it does not load, on first use.
    """

    def __init__(self, source: Path, probe: Probe, threads: int = 0) -> None:
        self._source = source
        self._probe = probe
        self._threads = threads

    def compare(self, bundle: Path) -> Likeness:
        """Compare a bundle with FP32.

        Raises:
            BundleError: it is damaged.
            EngineError: a submodule does not load.
        """
        reference, wanted = self._reference
        with ExitStack() as opened:
            recorders = _recorders(bundle, self._threads, opened)
            found = _walk(_network(bundle, recorders), self._probe)
            outputs = {
                f"{name}.{output}": cosine(rows)
                for name in SUBMODULES
                for output, rows in _rows(reference[name], recorders[name]).items()
            }
            return Likeness(outputs, cosine([(wanted, found)]))

    @cached_property
    def _reference(self) -> tuple[dict[str, list[tuple[Feeds, Feeds]]], FloatArray]:
        """What each FP32 submodule was fed and answered, and FP32's query vectors."""
        with ExitStack() as opened:
            recorders = _recorders(self._source, self._threads, opened)
            queries = _walk(_network(self._source, recorders), self._probe)
            return {name: one.noted for name, one in recorders.items()}, queries


def _rows(
    reference: list[tuple[Feeds, Feeds]], recorder: _Recorder
) -> dict[str, list[tuple[Array, Array]]]:
    rows: dict[str, list[tuple[Array, Array]]] = {}
    for number, (feeds, wanted) in enumerate(reference):
        found = recorder.answer(number, feeds)
        for output, want in wanted.items():
            rows.setdefault(output, []).append((want, found[output].copy()))
    return rows


def cosine(pairs: Iterable[tuple[Array, Array]]) -> Cosine:
    """Mean and least of `export.compare.cosines` over all pairs."""
    found = [cosines(want, got) for want, got in pairs]
    rows = np.concatenate(found) if found else np.zeros(0)
    return Cosine(float(rows.mean()), float(rows.min())) if len(rows) else Cosine(1.0, 1.0)


def _recorders(folder: Path, threads: int, opened: ExitStack) -> dict[str, _Recorder]:
    bundle = open_bundle(folder)
    recorders = {}
    for name in SUBMODULES:
        engine = onnxruntime_engine(bundle, name, EngineSettings(threads=threads))
        recorders[name] = _Recorder(opened.enter_context(engine))
    return recorders


def _network(folder: Path, recorders: Mapping[str, _Recorder]) -> Network:
    bundle = open_bundle(folder)
    text = bundle.manifest.text
    words = TextTokenizer.load(folder / text.tokenizer, text.max_tokens)
    return Network(bundle, recorders, words)


def _walk(network: Network, probe: Probe) -> FloatArray:
    """Every submodule on the whole probe; returns the query vectors, float32 [Q, V].

    The first picture of each clip stands for a shop image.
    """
    firsts = np.stack([frames[0] for frames in probe.frames])[: network.shortlist]
    items = network.encode_items(firsts, probe.titles[: len(firsts)])
    vectors, nodes = np.stack([i.item for i in items]), np.stack([i.nodes for i in items])
    queries = []
    for frames, words in zip(probe.frames, probe.words, strict=True):
        encoded = network.encode_frames(frames, [0.0] * len(frames))
        heard = [network.encode_texts([words])] if network.says_something(words) else []
        for text in (None, *heard):
            query = network.query(encoded, text)
            queries.append(query.vector.copy())
            network.rerank(query, vectors, nodes, vectors @ query.vector)
    return np.stack(queries)
