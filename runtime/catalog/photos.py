"""Photos that a shop adds to its products: the list of them, and their way into the catalog."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np
import numpy.typing as npt

from runtime.catalog.catalog import PhotoVector
from runtime.catalog.encoded import photo_key
from runtime.catalog.encoder import BATCH, ItemEncoder
from runtime.catalog.images import ShopImage, decode_image, read_image
from runtime.catalog.progress import Progress
from runtime.catalog.sqlite_catalog import SqliteCatalog
from runtime.catalog.table import Problems, read_table
from runtime.errors import FeedError
from runtime.preprocess import frame_input

COLUMNS = ("path", "product_id")
SPLIT = "split"
CORRECT = "correct this and run it again; nothing was changed"


@dataclass(frozen=True)
class Photo:
    """A photo of a product.

    Attributes:
        item_id: the product.
        path: the image file.
        name: what errors call it.
    """

    item_id: str
    path: Path
    name: str

    def read(self) -> ShopImage:
        """Read the file and check its header; nothing is decoded.

        Raises:
            FeedError: there is no such file, or it is not a usable image.
        """
        return read_image(self.path, self.name)


def read_photo_list(file: Path, splits: Collection[str] | None = None) -> list[Photo]:
    """Read a list of photos.

    Args:
        file: CSV or TSV with the columns path, relative to the file, and product_id; others are
            ignored.
        splits: only rows whose column split is one of these; all rows where None.

    Raises:
        FeedError: the file or a row cannot be used, or there is no row left.
    """
    problems = Problems(file, CORRECT)
    required = COLUMNS if splits is None else (*COLUMNS, SPLIT)
    photos = []
    for line, cells in read_table(file, required, problems):
        if splits is not None and cells[SPLIT] not in splits:
            continue
        problems.found += [f"line {line}: {name} is empty" for name in COLUMNS if not cells[name]]
        name = f"line {line} (id {cells['product_id']}) {cells['path']}"
        photos.append(Photo(cells["product_id"], file.parent / cells["path"], name))
    problems.raise_if_any()
    if not photos:
        why = "it has no row" if splits is None else f"no row is of {', '.join(sorted(splits))}"
        raise FeedError(f"{file} lists no photos", why=why, fix="give another file")
    return photos


@dataclass(frozen=True)
class PhotoEncoding:
    """Stores and encodes photos; none that was encoded before goes through the network again.

    Attributes:
        catalog: its writer lock is held.
        encoder: the network of the bundle.
        bundle: digest of the bundle.
        progress: shows progress.
    """

    catalog: SqliteCatalog
    encoder: ItemEncoder
    bundle: str
    progress: Progress

    def run(self, photos: Sequence[Photo], problems: Problems) -> list[tuple[Photo, Path]]:
        """Store and encode photos.

        Args:
            photos: of products.
            problems: photos that cannot be used are noted here.

        Returns:
            The photos that can be used and where each is stored.
        """
        stored: list[tuple[Photo, Path]] = []
        shown = self.progress(photos, label="Encoding photos", total=len(photos))
        while batch := list(islice(shown, BATCH)):
            stored += self._batch(batch, problems)
        return stored

    def vector(self, stored: Path) -> PhotoVector:
        """The vector of a photo that `run` returned."""
        photo = self.catalog.raw.photos.get(photo_key(stored.stem, self.bundle))
        if photo is None:
            raise KeyError(stored)
        return photo

    def _batch(self, batch: Sequence[Photo], problems: Problems) -> list[tuple[Photo, Path]]:
        stored: list[tuple[Photo, Path]] = []
        squares: dict[str, npt.NDArray[np.uint8]] = {}
        for photo in batch:
            try:
                image = photo.read()
                key = photo_key(image.digest, self.bundle)
                if key not in squares and self.catalog.raw.photos.get(key) is None:
                    squares[key] = self._square(image, photo.name)
            except FeedError as error:
                problems.add(f"{error.what}: {error.why}")
                continue
            stored.append((photo, self.catalog.images.add(image)))
        if squares:
            vectors = self.encoder.encode_photos(np.stack(list(squares.values())))
            self.catalog.raw.photos.put(dict(zip(squares, vectors, strict=True)))
        return stored

    def _square(self, image: ShopImage, name: str) -> npt.NDArray[np.uint8]:
        return frame_input(decode_image(image.data, name), self.encoder.image_size)
