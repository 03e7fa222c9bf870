"""Feeds with real image files, and an encoder whose vectors depend on all it is given."""

from __future__ import annotations

import csv
import hashlib
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TypeVar

import numpy as np
import pytest
from PIL import Image

from runtime.catalog.catalog import Item, ItemVectors, PhotoVector
from runtime.catalog.enrolment import EnrolReport, enrol_photos
from runtime.catalog.importer import ImportReport, import_feed
from runtime.catalog.photos import Photo
from tests.runtime.catalog.contract import PLAIN

T = TypeVar("T")
BUNDLE = "b" * 64
VISUAL = 5
"""Length of the visual part of the fake encoder's vectors of 8 values, [visual; 0; text]."""


class FakeItemEncoder:
    """Vectors drawn from a generator seeded by image and texts; counts what it encodes."""

    image_size = 16

    def __init__(self) -> None:
        self.encoded: list[str] = []
        self.photos = 0

    def encode_items(
        self, images: np.ndarray, texts: Sequence[tuple[str, str]]
    ) -> list[ItemVectors]:
        assert images.dtype == np.uint8
        assert images.shape == (len(texts), self.image_size, self.image_size, 3)
        self.encoded += [title for title, _ in texts]
        return [
            vectors_for(image.tobytes() + repr(text).encode())
            for image, text in zip(images, texts, strict=True)
        ]

    def encode_photos(self, images: np.ndarray) -> list[PhotoVector]:
        assert images.dtype == np.uint8
        assert images.shape[1:] == (self.image_size, self.image_size, 3)
        self.photos += len(images)
        return [PhotoVector(vectors_for(image.tobytes()).item[:VISUAL]) for image in images]


def vectors_for(content: bytes) -> ItemVectors:
    seed = int.from_bytes(hashlib.sha256(content).digest()[:8], "big")
    draw = np.random.default_rng(seed)
    item = draw.standard_normal(8).astype(np.float32)
    item[VISUAL] = 0  # the place of the bias
    return ItemVectors(item, draw.standard_normal((2, 4)).astype(np.float32))


def silent(items: Iterable[T], *, label: str, total: int) -> Iterator[T]:
    """Progress that nobody sees."""
    yield from items


def write_image(path: Path, shade: int, size: tuple[int, int] = (12, 9)) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", size, (shade % 256, shade // 256, 7)).save(path)
    return path


class Shop:
    """A feed on disk, its products changed by hand, imported into a catalog folder."""

    def __init__(self, folder: Path) -> None:
        self.feed = folder / "feed" / "feed.csv"
        self.catalog = folder / "catalog"
        self.rows: dict[str, dict[str, str]] = {}
        self.encoder = FakeItemEncoder()

    def add(self, *numbers: int) -> Shop:
        for number in numbers:
            link = f"images/{number}.png"
            write_image(self.feed.parent / link, number)
            self.rows[f"p{number}"] = {
                "id": f"p{number}",
                "title": f"Product {number}",
                "description": "",
                "image_link": link,
                "price": "1 EUR",
            }
        return self

    def write(self) -> Path:
        names = ["id", "title", "description", "image_link", "price"]
        with self.feed.open("w", newline="", encoding="utf-8") as target:
            writer = csv.DictWriter(target, names)
            writer.writeheader()
            writer.writerows(self.rows.values())
        return self.feed

    def import_all(self, bundle: str = BUNDLE) -> ImportReport:
        self.encoder.encoded.clear()
        return import_feed(
            self.write(), self.catalog, self.encoder, bundle, silent, publisher=PLAIN
        )

    def photo(self, number: int) -> Path:
        """A photo that looks different for every number."""
        return write_image(self.feed.parent.parent / "photos" / f"{number}.png", 5000 + number)

    def enrol(self, item_id: str, *numbers: int, bundle: str = BUNDLE) -> EnrolReport:
        photos = [Photo(item_id, self.photo(number), f"photo {number}") for number in numbers]
        return enrol_photos(photos, self.catalog, self.encoder, bundle, silent, publisher=PLAIN)


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    return Shop(tmp_path)


@pytest.fixture
def make_photo(tmp_path: Path):
    def make(shade: int) -> Path:
        return write_image(tmp_path / "pictures" / f"photo{shade}.png", shade)

    return make


@pytest.fixture
def make_item(tmp_path: Path):
    def make(item_id: str, **fields: object) -> Item:
        image = write_image(tmp_path / "pictures" / "one.png", 5)
        return Item(
            **{"id": item_id, "title": item_id, "description": "", "image": image, **fields}
        )

    return make
