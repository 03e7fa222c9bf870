"""A network and matcher for tests without a bundle: they compare colours and words, no more."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any, ClassVar

import cv2
import numpy as np
import numpy.typing as npt

from runtime.bundle.manifest import Decision, PublishRule
from runtime.bundle.reader import Bundle
from runtime.catalog.catalog import Item, ItemVectors
from runtime.catalog.feed import read_feed
from runtime.catalog.publisher import PhotoPublisher
from runtime.decision import SHOWN_CANDIDATES, Hysteresis, confidences, verdict
from runtime.demo.store import shipped_store
from runtime.engines.selection import Choice, Selection
from runtime.engines.settings import EngineSettings
from runtime.events import Candidate
from runtime.matcher import Step

Array = npt.NDArray[Any]
RULE = Decision(temperature=0.005, open_set_score=0.1, present=0.5, unsure=0.2, hold_steps=2)


class ColourNetwork:
    """The parts of `runtime.network.Network` that are used around a matcher."""

    image_size = 64
    publisher = PhotoPublisher(PublishRule())
    providers: ClassVar = {"frame_encoder": "colours", "reranker": "colours"}
    bundle = SimpleNamespace(
        digest="0" * 64,
        manifest=SimpleNamespace(name="colours", version="1", preset="test", precision="none"),
    )

    selection: Selection | None = None

    @classmethod
    def open(cls, folder: Path, *options: Any) -> ColourNetwork:
        return cls()

    @classmethod
    def of(cls, bundle: Bundle, settings: EngineSettings, *, choice: Choice) -> ColourNetwork:
        network = cls()
        network.selection = choice.selection
        return network

    def __enter__(self) -> ColourNetwork:
        return self

    def __exit__(self, *error: object) -> None:
        pass

    def encode_items(self, images: Array, texts: Sequence[tuple[str, str]]) -> list[ItemVectors]:
        vectors = [colours(image[..., ::-1]).astype(np.float32) for image in images]
        return [ItemVectors(vector, vector[None]) for vector in vectors]


class ListCatalog:
    """Products in memory, with the parts of the `Catalog` protocol that the kiosk reads."""

    def __init__(self, items: Sequence[Item]) -> None:
        self._items = {item.id: item for item in items}

    def get(self, item_id: str) -> Item | None:
        return self._items.get(item_id)

    def items(self) -> list[Item]:
        return list(self._items.values())


class ColourMatcher:
    """`runtime.matcher.Matcher` as the kiosk and the demo use it."""

    sampling_fps = 2.0

    def __init__(self, network: object, catalog: ListCatalog) -> None:
        self.resets = 0
        self.heard: list[str] = []
        self._items = catalog.items()
        self._shop = [colours(cv2.imread(str(item.image))) for item in self._items]
        self._hysteresis = Hysteresis(RULE)
        self._seen: list[Array] = []
        self._words = ""

    def reset(self) -> None:
        self.resets += 1
        self._seen.clear()
        self._words = ""
        self._hysteresis.reset()

    def see(self, image: Array, time_s: float) -> None:
        height, width = image.shape[:2]
        middle = image[height // 5 : height - height // 5, width // 4 : width - width // 4]
        self._seen.append(colours(middle))

    def hear(self, words: str) -> None:
        if words != self._words:
            self.heard.append(words)
        self._words = words

    def step(self, time_s: float) -> Step:
        return self._match(self._seen[-8:], time_s, settle=True)

    def conclude(self, time_s: float) -> Step:
        return self._match(self._seen, time_s, settle=False)

    def _match(self, seen: list[Array], time_s: float, *, settle: bool) -> Step:
        scores = np.asarray([self._score(i, seen) for i in range(len(self._items))], np.float32)
        order = np.argsort(-scores, kind="stable")[:SHOWN_CANDIDATES]
        chances = confidences(scores[order], RULE)
        listed = tuple(
            Candidate(self._items[i].id, self._items[i].title, float(scores[i]), float(chance))
            for i, chance in zip(order, chances, strict=True)
        )
        event = verdict(listed, RULE, time_s)
        event = self._hysteresis.settle(event) if settle else event
        attention = np.outer(np.hanning(9)[1:-1], np.hanning(9)[1:-1]).astype(np.float32).ravel()
        latency = {"frame_encoder": 1.0, "total": 1.5}
        return Step(time_s, self._words, listed, event, latency, attention if seen else None)

    def _score(self, number: int, seen: list[Array]) -> float:
        title = set(self._items[number].title.lower().split())
        named = len(title & set(self._words.lower().split())) / len(title)
        alike = float(np.minimum(np.mean(seen, axis=0), self._shop[number]).sum()) if seen else 0.0
        return 0.6 * alike + 0.4 * named


def colours(image: Array) -> Array:
    """Shares of hue and saturation, float64 [48], summing to 1."""
    hsv = cv2.cvtColor(np.ascontiguousarray(image), cv2.COLOR_BGR2HSV)
    counts = cv2.calcHist([hsv], [0, 1], None, [12, 4], [0, 180, 0, 256])
    return np.asarray(counts / counts.sum(), np.float64).ravel()


def store_catalog() -> ListCatalog:
    """The products of the bundled store."""
    return ListCatalog([row.item for row in read_feed(shipped_store() / "catalog.csv")])
