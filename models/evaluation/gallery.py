"""A temporary catalog to ask for clips, built as a kiosk builds its own."""

from __future__ import annotations

import csv
import shutil
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from runtime.catalog.enrolment import enrol_photos
from runtime.catalog.feed import GROUP, FeedRow, read_feed
from runtime.catalog.importer import import_feed
from runtime.catalog.photos import read_photo_list
from runtime.catalog.progress import Progress
from runtime.catalog.sqlite_catalog import SqliteCatalog
from runtime.errors import FeedError
from runtime.network import Network

ENROLLED_SPLITS = ("train", "val")


@dataclass(frozen=True)
class Stock:
    """What the catalog to ask is made of.

    Attributes:
        catalog: feed of the products, which also gives the images pasted into frames.
        distractors: feed of further products, which no clip shows.
        enrol: list of photos to enrol, of the splits train and val.
    """

    catalog: Path
    distractors: Path | None = None
    enrol: Path | None = None

    @property
    def feeds(self) -> list[Path]:
        """All feeds."""
        return [feed for feed in (self.catalog, self.distractors) if feed is not None]


@dataclass(frozen=True)
class Enrolment:
    """Photos in the catalog.

    Attributes:
        photos: how many were enrolled.
        products: of how many products.
        excluded: how many of the list were left out, because a clip shows the very same photo.
    """

    photos: int
    products: int
    excluded: int


@contextmanager
def open_gallery(
    network: Network, stock: Stock, shown: Collection[str], progress: Progress
) -> Iterator[tuple[SqliteCatalog, Enrolment | None]]:
    """One catalog of the products of all feeds; gone when the block ends.

    Args:
        network: open.
        stock: feeds and photos.
        shown: digests of the clips' own photos, which are never enrolled.
        progress: shows progress.

    Yields:
        The catalog, and what was enrolled; None where nothing was to be.

    Raises:
        FeedError: a feed or the list of photos cannot be used, or two feeds have the same product.
    """
    digest = network.bundle.digest
    with TemporaryDirectory(prefix="sgmn-gallery-") as name:
        folder = Path(name)
        feeds = stock.feeds
        feed = feeds[0] if len(feeds) == 1 else merge_feeds(feeds, folder / "feed")
        import_feed(
            feed, folder / "catalog", network, digest, progress, publisher=network.publisher
        )
        enrolled = None
        if stock.enrol is not None:
            enrolled = _enrol(stock.enrol, shown, folder / "catalog", network, progress)
        with SqliteCatalog.open(folder / "catalog", digest) as catalog:
            yield catalog, enrolled


def _enrol(
    listed: Path, shown: Collection[str], catalog: Path, network: Network, progress: Progress
) -> Enrolment:
    photos = read_photo_list(listed, ENROLLED_SPLITS)
    fresh = [photo for photo in photos if photo.read().digest not in shown]
    added = 0
    if fresh:
        added = enrol_photos(
            fresh,
            catalog,
            network,
            network.bundle.digest,
            progress,
            source=listed,
            publisher=network.publisher,
        ).added
    return Enrolment(added, len({photo.item_id for photo in fresh}), len(photos) - len(fresh))


def merge_feeds(feeds: Sequence[Path], folder: Path) -> Path:
    """Write one feed with the products of several, images beside it; returns its path.

    Merged before the import, so that the products meet in one catalog exactly as in a kiosk.

    Args:
        feeds: two or more feeds whose ids are disjoint.
        folder: is made; the images are copied there, because a feed's images lie beside it.

    Raises:
        FeedError: a feed cannot be used, or two feeds have the same product.
    """
    rows = [row for feed in feeds for row in read_feed(feed)]
    _check_disjoint(feeds, rows)
    folder.mkdir()
    records = [_record(row, number, folder) for number, row in enumerate(rows)]
    columns = dict.fromkeys(name for record in records for name in record)
    merged = folder / "feed.csv"
    with merged.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(columns), restval="")
        writer.writeheader()
        writer.writerows(records)
    return merged


def _check_disjoint(feeds: Sequence[Path], rows: Sequence[FeedRow]) -> None:
    count = Counter(row.item.id for row in rows)
    twice = sorted(item_id for item_id, times in count.items() if times > 1)
    if twice:
        names = ", ".join(str(feed) for feed in feeds)
        raise FeedError(
            f"{names} have the same products",
            why=f"{len(twice)} ids occur twice, the first is {twice[0]}",
            fix="give distractors whose ids are not in the catalog",
        )


def _record(row: FeedRow, number: int, folder: Path) -> dict[str, str]:
    item = row.item
    image = f"{number}{item.image.suffix}"
    shutil.copyfile(item.image, folder / image)
    texts = {"id": item.id, "title": item.title, "description": item.description}
    return {**texts, "image_link": image, GROUP: item.group, **item.attributes}
