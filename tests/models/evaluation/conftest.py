"""A small shop of plain colours, and a network that tells colours apart."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import cv2
import numpy as np
import pytest

from runtime.bundle.manifest import Decision, PublishRule, SpokenRule
from runtime.catalog.catalog import ItemVectors, PhotoVector
from runtime.catalog.publisher import PhotoPublisher
from runtime.memory import EncodedFrame
from runtime.network import Network

COLOURS = {"red": (0, 0, 220), "green": (0, 220, 0), "blue": (220, 0, 0), "grey": (90, 90, 90)}


class ColourNetwork:
    """Stands for `Network`: vectors are mean colours, and a colour's name is read as itself."""

    image_size = 8
    frames = 4
    shortlist = 2
    visual_size = 3
    publisher = PhotoPublisher(PublishRule(memory_share=0, bonus=0, hubness=0))

    def __init__(self) -> None:
        manifest = SimpleNamespace(
            name="colours",
            version="1",
            precision="fp32",
            decision=Decision(temperature=0.05, open_set_score=0.9, present=0.5, unsure=0.2),
            spoken=SpokenRule(),
        )
        self.bundle = SimpleNamespace(manifest=manifest, digest="c" * 64)
        self.frames_encoded = 0
        self.texts_encoded = 0

    def __enter__(self) -> ColourNetwork:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def encode_frames(self, images: Any, times_s: Sequence[float]) -> list[EncodedFrame]:
        zero = np.zeros((1, 1), np.float32)
        self.frames_encoded += len(images)
        return [
            EncodedFrame(_colour(image), zero, t) for image, t in zip(images, times_s, strict=True)
        ]

    def says_something(self, text: str) -> bool:
        return text in COLOURS

    def encode_texts(self, texts: Sequence[str]) -> Any:
        self.texts_encoded += len(texts)
        return SimpleNamespace(pooled=np.stack([_named(text) for text in texts]))

    def query(self, frames: list[EncodedFrame], text: Any) -> Any:
        seen = _unit(np.sum([np.zeros(3), *(frame.cls for frame in frames)], axis=0))
        said = np.zeros(3) if text is None else text.pooled[0] / 2
        return SimpleNamespace(vector=_vector(seen, said, quality=float(len(frames) > 0)))

    def encode_items(self, images: Any, texts: Sequence[tuple[str, str]]) -> list[ItemVectors]:
        node = np.zeros((1, 1), np.float32)
        return [
            ItemVectors(_vector(_colour(image), _named(title)), node)
            for image, (title, _) in zip(images, texts, strict=True)
        ]

    def encode_photos(self, images: Any) -> list[PhotoVector]:
        return [PhotoVector(_colour(image)) for image in images]

    def chain(self, catalog: Any) -> None:
        return None

    def rerank(self, query: Any, items: Any, nodes: Any, scores: Any) -> Any:
        return scores


def _colour(image: Any) -> Any:
    return _unit(image.reshape(-1, 3).mean(axis=0).astype(np.float32))


def _named(text: str) -> Any:
    """The colour that a text names."""
    colours = [COLOURS[word][::-1] for word in text.split() if word in COLOURS]
    return _unit(np.array((*colours, (0, 0, 0))[0], np.float32))


def _vector(seen: Any, said: Any, quality: float = 0.0) -> Any:
    return np.concatenate([seen, [quality], said]).astype(np.float32)


def _unit(vector: Any) -> Any:
    return (vector / max(1e-6, np.linalg.norm(vector))).astype(np.float32)


@pytest.fixture
def colour_network(monkeypatch: pytest.MonkeyPatch) -> ColourNetwork:
    """Bundles of any folder open as this one colour network."""
    network = ColourNetwork()
    monkeypatch.setattr(Network, "open", lambda folder: network)
    return network


@dataclass(frozen=True)
class Shop:
    """A data set in the layout of GroceryLPR."""

    root: Path

    @property
    def catalog(self) -> Path:
        return self.root / "dev" / "catalog.csv"

    @property
    def distractors(self) -> Path:
        return self.root / "other" / "catalog.csv"

    def manifest(self, *lines: dict[str, Any]) -> Path:
        path = self.root / "clips.jsonl"
        path.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
        return path

    def feed(self, path: Path, colours: Sequence[str]) -> None:
        rows = [f'{colour},"a {colour} thing, plain",,{colour}.png' for colour in colours]
        path.parent.mkdir()
        path.write_text("\n".join(["id,title,description,image_link", *rows]) + "\n")
        for colour in colours:
            picture = np.full((12, 12, 3), COLOURS[colour], np.uint8)
            cv2.imwrite(str(path.parent / f"{colour}.png"), picture)


def clip_line(clip_id: str, photo: str, hard: str = "", **fields: Any) -> dict[str, Any]:
    """A manifest line of one frame that shows a plain colour, and in tier L3 a ``hard`` one."""
    texts = {"text_clean": photo, "text_asr": "well"}
    tiers = {"L0": [_frame(photo)], **({"L3": [_frame(hard)] * 2} if hard else {})}
    return {"clip_id": clip_id, **texts, **fields, "tiers": tiers}


def _frame(photo: str) -> dict[str, Any]:
    return {"src": f"dev/{photo}.png", "crop": [0, 0, 1], "gain": 1, "rot": 0}


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    made = Shop(tmp_path)
    made.feed(made.catalog, ["red", "green", "blue"])
    made.feed(made.distractors, ["grey"])
    return made
