"""Pictures and texts that a network is exported and quantised with."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from runtime.catalog.feed import read_feed
from runtime.catalog.images import decode_image, read_image

Pictures = Sequence[npt.NDArray[np.uint8]]


@dataclass(frozen=True)
class Samples:
    """What a network is exported and quantised with.

    Attributes:
        pictures: uint8 BGR pictures as a camera sees them, at least two.
        texts: sentences and titles, at least two.
        shop_images: uint8 BGR pictures of products as in a catalog; may be empty.
    """

    pictures: Pictures
    texts: Sequence[str]
    shop_images: Pictures = ()

    def digest(self) -> str:
        """Hex SHA-256 of all pictures and texts, in their order."""
        found = hashlib.sha256()
        for pictures in (self.pictures, self.shop_images):
            found.update(f"{len(pictures)} pictures".encode())
            for picture in pictures:
                found.update(f"{picture.shape}".encode())
                found.update(np.ascontiguousarray(picture).data)
        found.update(json.dumps(list(self.texts)).encode())
        return found.hexdigest()


def samples_from_feed(feed: Path, count: int = 8) -> Samples:
    """The first products of a merchant feed.

    Raises:
        FeedError: the feed or one of its pictures cannot be read.
    """
    items = [row.item for row in read_feed(feed)[:count]]
    pictures = [decode_image(read_image(item.image, item.id).data, item.id) for item in items]
    return Samples(pictures, [f"{item.title}. {item.description}" for item in items])
