"""The shipped bundle and store, and a catalog really built from them, once."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TypeVar

import pytest

from runtime.bundle.shipped import shipped_bundle
from runtime.catalog.importer import import_feed
from runtime.catalog.sqlite_catalog import SqliteCatalog
from runtime.demo.store import Store, open_store, shipped_store
from runtime.engines.settings import EngineSettings
from runtime.network import Network

T = TypeVar("T")


def silent(items: Iterable[T], *, label: str, total: int) -> Iterator[T]:
    """Progress that nobody sees."""
    yield from items


@pytest.fixture(scope="session")
def bundle_folder() -> Path:
    """The shipped bundle, or the one that SGMN_TEST_BUNDLE names, to test it before it ships."""
    folder = Path(os.environ.get("SGMN_TEST_BUNDLE", shipped_bundle()))
    if not (folder / "manifest.json").is_file():
        pytest.skip(f"no bundle in {folder}")
    return folder


@pytest.fixture(scope="session")
def demo_store() -> Store:
    if not (shipped_store() / "clips.jsonl").is_file():
        pytest.skip("the demo store is not built")
    return open_store(shipped_store())


@pytest.fixture(scope="session")
def clip(demo_store: Store) -> Path:
    """A clip of a product with a voice that speaks of it."""
    return demo_store.clips[0].path


@pytest.fixture(scope="session")
def network(bundle_folder: Path) -> Iterator[Network]:
    with Network.open(bundle_folder, EngineSettings(threads=1)) as network:
        yield network


@pytest.fixture(scope="session")
def catalog_folder(
    network: Network, demo_store: Store, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    folder = tmp_path_factory.mktemp("store") / "catalog"
    import_feed(demo_store.feed, folder, network, network.bundle.digest, silent)
    return folder


@pytest.fixture(scope="session")
def catalog(catalog_folder: Path, network: Network) -> Iterator[SqliteCatalog]:
    with SqliteCatalog.open(catalog_folder, network.bundle.digest) as catalog:
        yield catalog
