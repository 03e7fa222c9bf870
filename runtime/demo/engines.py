"""Opens what the demo computes with: network, catalog and recognizer."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from runtime.demo.store import Store

if TYPE_CHECKING:
    from runtime.catalog.progress import Progress
    from runtime.catalog.sqlite_catalog import SqliteCatalog
    from runtime.network import Network
    from runtime.speech.child import VoskRecognizer


@contextmanager
def demo_catalog(store: Store, network: Network, progress: Progress) -> Iterator[SqliteCatalog]:
    """Import the store's feed with this machine's engines; the catalog is gone afterwards.

    Args:
        store: its feed is imported as `sgmn catalog import` does.
        network: encodes the products.
        progress: shows how far it is.

    Raises:
        FeedError: the feed or one of its images is damaged.
        OSError: the temporary folder cannot be written.
    """
    from runtime.catalog.importer import import_feed
    from runtime.catalog.sqlite_catalog import SqliteCatalog

    digest = network.bundle.digest
    with TemporaryDirectory(prefix="sgmn-demo-") as folder:
        place = Path(folder) / "catalog"
        import_feed(store.feed, place, network, digest, progress, publisher=network.publisher)
        with SqliteCatalog.open(place, digest) as catalog:
            yield catalog


@contextmanager
def demo_recognizer(model: Path | None) -> Iterator[VoskRecognizer | None]:
    """An open recognizer, or None without a model.

    Raises:
        SpeechError: the model is missing or damaged.
    """
    from runtime.speech.child import VoskRecognizer

    if model is None:
        yield None
        return
    recognizer = VoskRecognizer(model)
    try:
        recognizer.open()
        yield recognizer
    finally:
        recognizer.close()
