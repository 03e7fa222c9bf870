"""Adding a shop's own photos to products of a catalog, and taking them away again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from runtime.catalog.encoder import ItemEncoder
from runtime.catalog.photos import CORRECT, Photo, PhotoEncoding
from runtime.catalog.progress import Progress
from runtime.catalog.publisher import PHOTO_PUBLISHER, Publisher
from runtime.catalog.sqlite_catalog import SqliteCatalog
from runtime.catalog.staging import like
from runtime.catalog.table import Problems
from runtime.errors import FeedError


@dataclass(frozen=True)
class EnrolReport:
    """What an enrolment did.

    Attributes:
        snapshot: name of the snapshot that is live now.
        items: products that photos were given for.
        added: photos that their products did not have.
        known: photos given that their products had already.
    """

    snapshot: str
    items: int
    added: int
    known: int


@dataclass(frozen=True)
class ForgetReport:
    """What forgetting did.

    Attributes:
        snapshot: name of the snapshot that is live now.
        removed: photos that were taken away.
    """

    snapshot: str
    removed: int


def enrol_photos(
    photos: Sequence[Photo],
    catalog_folder: Path,
    encoder: ItemEncoder,
    bundle_digest: str,
    progress: Progress,
    *,
    source: Path | str = "the enrolment",
    publisher: Publisher = PHOTO_PUBLISHER,
) -> EnrolReport:
    """Add photos to products of a published catalog.

    All photos or none: it may be killed at any moment and the old snapshot stays live until the
    last step. What was encoded by then is kept.

    Args:
        photos: at least one.
        catalog_folder: of a published catalog.
        encoder: the network of the bundle.
        bundle_digest: names that bundle, which must be the catalog's.
        progress: shows progress.
        source: what errors call the photos as a whole.
        publisher: makes the vectors of the snapshot.

    Raises:
        FeedError: a photo cannot be used or names no product; nothing was changed.
        CatalogError: there is no catalog, it is of another bundle, or another writer is at work.
        OSError: the disk is full; the old snapshot stays live.
    """
    problems = Problems(source, CORRECT)
    with SqliteCatalog.open(catalog_folder, bundle_digest, publisher=publisher) as catalog:
        # Held from here on: another writer would sweep photos that no snapshot names yet.
        catalog.begin()
        _check(photos, catalog, problems)
        encoding = PhotoEncoding(catalog, encoder, bundle_digest, progress)
        stored = encoding.run(photos, problems)
        problems.raise_if_any()
        added = sum(
            catalog.enrol(photo.item_id, [(path, encoding.vector(path))]) for photo, path in stored
        )
        if added:
            catalog.publish()
        items = {photo.item_id for photo in photos}
        return EnrolReport(catalog.stats().snapshot, len(items), added, known=len(photos) - added)


def forget_photos(
    ids: Sequence[str],
    catalog_folder: Path,
    bundle_digest: str,
    *,
    publisher: Publisher = PHOTO_PUBLISHER,
) -> ForgetReport:
    """Take all photos of some products away.

    Args:
        ids: of the products.
        catalog_folder: of a published catalog.
        bundle_digest: names the catalog's bundle.
        publisher: makes the vectors of the snapshot.

    Raises:
        CatalogError: an id is not in the catalog, the catalog is of another bundle, or another
            writer is at work; nothing was changed.
    """
    with SqliteCatalog.open(catalog_folder, bundle_digest, publisher=publisher) as catalog:
        removed = sum(catalog.forget(item_id) for item_id in ids)
        if removed:
            catalog.publish()
        return ForgetReport(catalog.stats().snapshot, removed)


def _check(photos: Sequence[Photo], catalog: SqliteCatalog, problems: Problems) -> None:
    """Look at all ids and headers before the first, slow, encoding."""
    known = [item.id for item in catalog.items()]
    for item_id in dict.fromkeys(photo.item_id for photo in photos):
        if catalog.get(item_id) is None:
            text = f"there is no product {item_id} in the catalog; {like(item_id, known)}"
            problems.add(text)
    for photo in photos:
        try:
            photo.read()
        except FeedError as error:
            problems.add(f"{error.what}: {error.why}")
    problems.raise_if_any()
