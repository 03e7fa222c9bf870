"""What the catalog needs of the network."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np
import numpy.typing as npt

from runtime.catalog.catalog import ItemVectors, PhotoVector

BATCH = 8
"""Pictures that go through the network at once."""


class ItemEncoder(Protocol):
    """Turns shop images and their texts, and photos of products, into vectors."""

    @property
    def image_size(self) -> int:
        """Side S of the square input in pixels."""

    def encode_items(
        self, images: npt.NDArray[np.uint8], texts: Sequence[tuple[str, str]]
    ) -> list[ItemVectors]:
        """Encode products.

        Args:
            images: uint8 [N, S, S, 3], RGB.
            texts: N pairs of title and description.
        """

    def encode_photos(self, images: npt.NDArray[np.uint8]) -> list[PhotoVector]:
        """Encode photos of products, each by itself.

        Args:
            images: uint8 [N, S, S, 3], RGB, cut as camera frames are.
        """
