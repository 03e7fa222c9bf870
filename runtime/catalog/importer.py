"""From a feed to a published catalog, encoding only what was never encoded before."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path

import numpy as np

from runtime.catalog.catalog import Item, ItemVectors
from runtime.catalog.encoded import photo_key
from runtime.catalog.encoder import BATCH, ItemEncoder
from runtime.catalog.feed import CORRECT, FeedRow, read_feed
from runtime.catalog.images import decode_image, read_image
from runtime.catalog.photos import Photo, PhotoEncoding
from runtime.catalog.progress import Progress
from runtime.catalog.publisher import PHOTO_PUBLISHER, Publisher
from runtime.catalog.raw import item_key
from runtime.catalog.sqlite_catalog import SqliteCatalog
from runtime.catalog.table import Problems
from runtime.errors import FeedError
from runtime.preprocess import letterbox

LOST_PHOTO = "put the file back, or delete the folder and import the feed again"


@dataclass(frozen=True)
class ImportReport:
    """What an import did.

    Attributes:
        snapshot: name of the snapshot that is live now.
        added: products that were not in the catalog.
        changed: products of which anything changed.
        unchanged: products as they were.
        removed: products that are no longer in the feed.
        encoded: contents that went through the network; the rest were known.
    """

    snapshot: str
    added: int
    changed: int
    unchanged: int
    removed: int
    encoded: int


def import_feed(
    feed: Path,
    catalog_folder: Path,
    encoder: ItemEncoder,
    bundle_digest: str,
    progress: Progress,
    *,
    publisher: Publisher = PHOTO_PUBLISHER,
) -> ImportReport:
    """Make a catalog hold exactly the products of a feed; their photos stay with them.

    It may be killed at any moment: the old snapshot stays live until the last step, and the next
    run goes on from the last batch that was encoded.

    Args:
        feed: see `read_feed`.
        catalog_folder: made where it does not exist.
        encoder: the network of the bundle.
        bundle_digest: names that bundle.
        progress: shows progress.
        publisher: makes the vectors of the snapshot.

    Raises:
        FeedError: the feed, a row or an image cannot be used; nothing was published.
        CatalogError: another import is running, or the catalog is damaged.
        OSError: the disk is full; the old snapshot stays live.
    """
    rows = read_feed(feed)
    _check_images(feed, rows)
    with SqliteCatalog.build(catalog_folder, bundle_digest, publisher=publisher) as catalog:
        return _Import(feed, catalog, encoder, bundle_digest, progress).run(rows)


def _check_images(feed: Path, rows: list[FeedRow]) -> None:
    """Look at all headers before the first, slow, encoding."""
    problems = Problems(feed, CORRECT)
    for row in rows:
        try:
            read_image(row.item.image, row.name)
        except FeedError as error:
            problems.add(f"{error.what}: {error.why}")
    problems.raise_if_any()


@dataclass(frozen=True)
class _Candidate:
    """A feed row with its image stored, and the key of its content."""

    row: FeedRow
    item: Item
    key: str


@dataclass(frozen=True)
class _Import:
    feed: Path
    catalog: SqliteCatalog
    encoder: ItemEncoder
    bundle: str
    progress: Progress

    def run(self, rows: list[FeedRow]) -> ImportReport:
        found = [self._store_image(row) for row in rows]
        old = {item.id: item for item in self.catalog.items()}
        fresh = [c for c in found if old.get(c.item.id) != c.item]
        encoded = self._encode(found)
        self.catalog.upsert((c.item, self._known(c.key)) for c in fresh)
        removed = self.catalog.delete(old.keys() - {c.item.id for c in found})
        self._encode_photos({c.item.id for c in found})
        if fresh or removed:
            self.catalog.publish()
        added = sum(c.item.id not in old for c in fresh)
        unchanged = len(found) - len(fresh)
        snapshot = self.catalog.stats().snapshot
        return ImportReport(snapshot, added, len(fresh) - added, unchanged, removed, encoded)

    def _store_image(self, row: FeedRow) -> _Candidate:
        image = read_image(row.item.image, row.name)
        item = replace(row.item, image=self.catalog.images.add(image))
        return _Candidate(row, item, item_key(item, self.bundle))

    def _encode(self, candidates: list[_Candidate]) -> int:
        """Encode every content once; all that can be encoded is kept even if some cannot."""
        missing = self.catalog.raw.items.missing(c.key for c in candidates)
        wanted = {c.key: c for c in candidates if c.key in missing}
        problems = Problems(self.feed, CORRECT)
        shown = self.progress(wanted.values(), label="Encoding products", total=len(wanted))
        while batch := list(islice(shown, BATCH)):
            self._encode_batch(batch, problems)
        problems.raise_if_any()
        return len(wanted)

    def _encode_batch(self, batch: list[_Candidate], problems: Problems) -> None:
        squares, sound = [], []
        for candidate in batch:
            try:
                image = decode_image(candidate.item.image.read_bytes(), candidate.row.name)
            except FeedError as error:
                problems.add(f"{error.what}: {error.why}")
                continue
            squares.append(letterbox(image, self.encoder.image_size, antialias=True))
            sound.append(candidate)
        if not sound:
            return
        texts = [(c.item.title, c.item.description) for c in sound]
        vectors = self.encoder.encode_items(np.stack(squares), texts)
        self.catalog.raw.items.put({c.key: v for c, v in zip(sound, vectors, strict=True)})

    def _encode_photos(self, ids: set[str]) -> None:
        """Encode the photos of products that stay, where another bundle encoded them before."""
        owners = {
            photo_key(path.stem, self.bundle): Photo(item_id, path, f"a photo of {item_id}")
            for item_id, paths in self.catalog.photos().items()
            for path in paths
            if item_id in ids
        }
        missing = self.catalog.raw.photos.missing(owners)
        photos = [photo for key, photo in owners.items() if key in missing]
        if not photos:
            return
        problems = Problems(f"the catalog in {self.catalog.folder}", LOST_PHOTO)
        PhotoEncoding(self.catalog, self.encoder, self.bundle, self.progress).run(photos, problems)
        problems.raise_if_any()

    def _known(self, key: str) -> ItemVectors:
        vectors = self.catalog.raw.items.get(key)
        if vectors is None:
            raise KeyError(key)
        return vectors
