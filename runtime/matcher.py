"""The streaming match: frames and words in, ranked products and an event out.

Each frame is encoded once and kept; a step joins the latest T frames with the words heard so far,
searches the whole catalog exactly and re-ranks the first K.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from runtime.catalog.catalog import CatalogReader, Hit, Item
from runtime.decision import SHOWN_CANDIDATES, Hysteresis, confidences, verdict
from runtime.engines.chain import DeviceChain
from runtime.engines.device_ring import ResidentFrame
from runtime.events import Candidate, Event
from runtime.lexical.hearing import Heard, Hearing
from runtime.memory import EncodedFrame, FrameMemory
from runtime.network import Network, Query
from runtime.preprocess import frame_input
from runtime.sampler import spread

BgrImage = npt.NDArray[np.uint8]


@dataclass(frozen=True)
class Step:
    """Everything one step found.

    Attributes:
        time_s: media time.
        transcript: the words the step used.
        candidates: the best products, best first.
        event: what the screen is told.
        latency_ms: milliseconds by stage.
        attention: float32 [P] over the newest frame's patches, or None without frames.
    """

    time_s: float
    transcript: str
    candidates: tuple[Candidate, ...]
    event: Event
    latency_ms: dict[str, float]
    attention: npt.NDArray[np.float32] | None = None

    def as_dict(self) -> dict[str, Any]:
        """JSON-ready fields."""
        return {
            "time_s": round(self.time_s, 3),
            "transcript": self.transcript,
            "ranked": [c.as_dict() for c in self.candidates],
            "event": self.event.as_dict(),
            "latency_ms": {stage: round(ms, 3) for stage, ms in self.latency_ms.items()},
        }


@dataclass(frozen=True)
class Ranking:
    """All catalog items in order for one clip.

    Attributes:
        ids: product ids, best first.
        scores: float32, not rising.
        event: the verdict on the clip.
    """

    ids: tuple[str, ...]
    scores: npt.NDArray[np.float32]
    event: Event


@dataclass
class _Clock:
    spent_ms: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        begun = time.perf_counter()
        try:
            yield
        finally:
            passed = (time.perf_counter() - begun) * 1e3
            self.spent_ms[name] = self.spent_ms.get(name, 0.0) + passed

    def take(self) -> dict[str, float]:
        spent, self.spent_ms = self.spent_ms, {}
        spent["total"] = sum(spent.values())
        return spent


class Matcher:
    """Matches one stream against one catalog.

    Args:
        network: open, of the bundle the catalog was built with.
        catalog: open; its products are searched.
    """

    def __init__(self, network: Network, catalog: CatalogReader) -> None:
        self._network = network
        self._catalog = catalog
        self._rule = network.bundle.manifest.decision
        self._memory: FrameMemory[Any] = FrameMemory(network.frames)
        self._chain = network.chain(catalog)
        self._items: tuple[str, list[Item]] | None = None
        self._hysteresis = Hysteresis(self._rule)
        self._clock = _Clock()
        self._hearing = Hearing(network, catalog)
        self._heard = self._hearing.silence()

    @property
    def sampling_fps(self) -> float:
        """Frames a second to take from a stream."""
        return self._network.bundle.manifest.sampling.fps

    def reset(self) -> None:
        """Start a new presentation: forget frames, words and what was shown."""
        self._chain = self._network.chain(self._catalog)
        self._memory.clear()
        self._hysteresis.reset()
        self._heard = self._hearing.silence()
        self._clock.take()

    def see(self, image: BgrImage, time_s: float) -> None:
        """Encode a frame, uint8 [H, W, 3] BGR, and remember it."""
        if self._chain is not None:
            with self._clock.stage("frame_encoder"):
                self._memory.add(self._chain.see(image, time_s))
            return
        with self._clock.stage("preprocess"):
            square = frame_input(image, self._network.image_size)
        with self._clock.stage("frame_encoder"):
            for frame in self._network.encode_frames(square[None], [time_s]):
                self._memory.add(frame)

    def hear(self, words: str) -> None:
        """Replace the words heard so far; read only when they changed."""
        if words != self._heard.words:
            self._heard = self.read(words)

    def step(self, time_s: float) -> Step:
        """Match the latest T frames and the words, as the live screen does."""
        return self._match(self._memory.latest(), time_s, settle=True)

    def conclude(self, time_s: float) -> Step:
        """Match T frames spread over the whole presentation: the answer to a clip."""
        return self._match(self._memory.whole(), time_s, settle=False)

    def rank_clip(self, images: Sequence[BgrImage], text: str) -> Ranking:
        """Rank the whole catalog for a clip given as pictures.

        Args:
            images: uint8 [H, W, 3] BGR; none for a text-only query.
            text: the words; empty for an image-only query.
        """
        return self.rank(self.encode_clip(images), self.read(text))

    def encode_clip(self, images: Sequence[BgrImage]) -> list[EncodedFrame]:
        """Encode the frames of a clip given as pictures; at most T of them, evenly spread.

        Args:
            images: uint8 [H, W, 3] BGR.
        """
        size, chosen = self._network.image_size, spread(len(images), self._network.frames)
        if not chosen:
            return []
        squares = np.stack([frame_input(images[index], size) for index in chosen])
        return self._network.encode_frames(squares, [0.0] * len(chosen))

    def read(self, words: str) -> Heard:
        """What the words say of every product; empty words say nothing."""
        with self._clock.stage("words"):
            return self._hearing.read(words)

    def rank(self, frames: list[EncodedFrame], heard: Heard) -> Ranking:
        """Rank the whole catalog for frames and words that are encoded.

        Args:
            frames: of `encode_clip`; none for a text-only query.
            heard: of `read`.
        """
        query = self._network.query(frames, heard.text)
        hits, reranked = self._second_stage(query, heard, len(self._catalog.items()))
        order = [hits[i] for i in reranked.order]
        listed = self._candidates(hits, reranked) if frames or heard.prior is not None else ()
        self._clock.take()
        return Ranking(
            tuple(hit.item.id for hit in order), reranked.scores, verdict(listed, self._rule, 0.0)
        )

    def _match(self, frames: list[Any], time_s: float, *, settle: bool) -> Step:
        if self._hearing.is_stale(self._heard):
            self._heard = self.read(self._heard.words)
        heard = self._heard
        if self._chain is not None:
            with self._clock.stage("chain"):
                hits, reranked, attended = self._chained(self._chain, frames, heard)
        else:
            with self._clock.stage("query_head"):
                query = self._network.query(frames, heard.text)
            hits, reranked = self._second_stage(query, heard, self._network.shortlist)
            attended = query.attention
        with self._clock.stage("decision"):
            # Nothing seen and nothing heard is no evidence for any product.
            spoke = heard.prior is not None
            listed = self._candidates(hits, reranked) if frames or spoke else ()
            event = verdict(listed, self._rule, time_s)
            event = self._hysteresis.settle(event) if settle else event
        attention = attended[len(frames) - 1] if frames else None
        return Step(time_s, heard.words, listed, event, self._clock.take(), attention)

    def _second_stage(self, query: Query, heard: Heard, count: int) -> tuple[list[Hit], _Reranked]:
        with self._clock.stage("search"):
            # The prior holds all that was said, the text half of the vector included.
            seen = query.vector[: self._network.visual_size + 1]
            hits = self._catalog.search(seen, max(1, count), heard.prior)
        with self._clock.stage("reranker"):
            head = hits[: self._network.shortlist]
            first = np.asarray([hit.score for hit in hits], np.float32)
            items, nodes = self._catalog.vectors([hit.row for hit in head])
            scores = self._network.rerank(query, items, nodes, first[: len(head)])
            return hits, _merge(scores, first)

    def _chained(
        self, chain: DeviceChain, frames: list[ResidentFrame], heard: Heard
    ) -> tuple[list[Hit], _Reranked, npt.NDArray[np.float32]]:
        found = chain.match(frames, heard.text, heard.prior)
        if self._items is None or self._items[0] != self._catalog.snapshot:
            self._items = self._catalog.snapshot, self._catalog.items()
        items = self._items[1]
        hits = [
            Hit(row, items[row], float(score))
            for row, score in zip(found.rows, found.scores, strict=True)
        ]
        return hits, _merge(found.reranked, found.scores), found.attention

    def _candidates(self, hits: Sequence[Hit], reranked: _Reranked) -> tuple[Candidate, ...]:
        head = reranked.scores[: self._network.shortlist]
        chances = confidences(head, self._rule)
        return tuple(
            Candidate(hits[i].item.id, hits[i].item.title, float(score), float(chance))
            for i, score, chance in zip(
                reranked.order[:SHOWN_CANDIDATES], head, chances, strict=False
            )
        )


@dataclass(frozen=True)
class _Reranked:
    order: list[int]
    scores: npt.NDArray[np.float32]


def _merge(reranked: npt.NDArray[np.float32], first: npt.NDArray[np.float32]) -> _Reranked:
    """Re-ranked candidates first, the rest of the first stage after them, scores not rising."""
    head = np.argsort(-reranked, kind="stable")
    tail = first[len(reranked) :]
    if len(head) and len(tail):
        # One shift for all of the rest keeps their order and their distances.
        lowest = reranked.min()
        tail = np.minimum(tail - max(0.0, float(tail[0] - lowest)), lowest)  # rounding may rise
    scores = np.concatenate([reranked[head], tail]).astype(np.float32)
    order = [*head.tolist(), *range(len(reranked), len(first))]
    return _Reranked(order, scores)
