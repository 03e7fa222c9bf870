from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from runtime.catalog.database import MIGRATIONS
from runtime.catalog.publisher import PublishedVectors, stacked
from runtime.catalog.record import KEPT
from runtime.catalog.sqlite_catalog import SqliteCatalog
from runtime.errors import CatalogError, StorageError
from tests.runtime.catalog.conftest import BUNDLE, Shop
from tests.runtime.catalog.contract import PLAIN, CatalogContract, axis

OTHER = "c" * 64


class TestContract(CatalogContract):
    @pytest.fixture
    def catalog(self, tmp_path: Path) -> Iterator[SqliteCatalog]:
        with SqliteCatalog.build(tmp_path / "catalog", BUNDLE, publisher=PLAIN) as catalog:
            yield catalog


def ids(folder: Path, bundle: str | None = BUNDLE) -> list[str]:
    with SqliteCatalog.open(folder, bundle) as catalog:
        return [item.id for item in catalog.items()]


def test_a_missing_catalog_says_what_to_run(tmp_path: Path) -> None:
    with pytest.raises(CatalogError, match="sgmn catalog import"):
        SqliteCatalog.open(tmp_path, BUNDLE)
    assert list(tmp_path.iterdir()) == []


def test_a_catalog_that_was_never_published_says_so(tmp_path: Path) -> None:
    SqliteCatalog.build(tmp_path, BUNDLE).close()
    with pytest.raises(CatalogError, match="no import has been completed"):
        SqliteCatalog.open(tmp_path, BUNDLE)


def test_another_bundle_is_refused_by_name(shop: Shop) -> None:
    shop.add(1).import_all()
    with pytest.raises(CatalogError, match=BUNDLE) as caught:
        SqliteCatalog.open(shop.catalog, OTHER)
    assert OTHER in caught.value.why
    assert "sgmn catalog import" in caught.value.fix
    assert ids(shop.catalog, None) == ["p1"]


def test_rollback_to_another_bundle_is_refused(shop: Shop) -> None:
    shop.add(1).import_all()
    shop.add(2).import_all(OTHER)
    with (
        SqliteCatalog.open(shop.catalog, OTHER) as catalog,
        pytest.raises(CatalogError, match="another bundle"),
    ):
        catalog.rollback()
    assert ids(shop.catalog, OTHER) == ["p1", "p2"]


def test_rollback_with_the_old_bundle_brings_it_back(shop: Shop) -> None:
    shop.add(1).import_all()
    shop.add(2).import_all(OTHER)
    with SqliteCatalog.build(shop.catalog, BUNDLE, create=False) as catalog:
        catalog.rollback()
    assert ids(shop.catalog) == ["p1"]


def test_the_database_is_durable_and_consistent(shop: Shop) -> None:
    shop.add(1).import_all()
    with SqliteCatalog.open(shop.catalog, BUNDLE) as catalog:
        ask = catalog._connection.execute
        assert ask("PRAGMA journal_mode").fetchone() == ("wal",)
        assert ask("PRAGMA synchronous").fetchone() == (2,)
        assert ask("PRAGMA foreign_keys").fetchone() == (1,)
        assert ask("PRAGMA user_version").fetchone() == (len(MIGRATIONS),)


def test_a_newer_database_asks_for_an_update(shop: Shop) -> None:
    shop.add(1).import_all()
    connection = sqlite3.connect(shop.catalog / "catalog.db")
    connection.execute("PRAGMA user_version = 99")
    connection.close()
    with pytest.raises(CatalogError, match="update sgmn-edge"):
        SqliteCatalog.open(shop.catalog, BUNDLE)


def test_a_catalog_of_the_first_version_is_brought_up_to_date(shop: Shop) -> None:
    shop.add(1, 2).import_all()
    connection = sqlite3.connect(shop.catalog / "catalog.db")
    connection.executescript("DROP TABLE photos; DROP TABLE encoded_photos;")
    connection.execute("PRAGMA user_version = 1")
    connection.close()
    assert ids(shop.catalog) == ["p1", "p2"]
    assert shop.enrol("p1", 1).added == 1
    assert shop.import_all().encoded == 0


def test_vectors_of_the_network_that_are_lost_are_named_and_made_again(shop: Shop) -> None:
    first = shop.add(1, 2).import_all()
    connection = sqlite3.connect(shop.catalog / "catalog.db")
    connection.execute("DELETE FROM encoded")
    connection.commit()
    connection.close()
    with pytest.raises(CatalogError, match="of the product p1") as caught:
        shop.enrol("p1", 1)
    assert "sgmn catalog import" in caught.value.fix
    assert ids(shop.catalog) == ["p1", "p2"]
    assert shop.import_all().encoded == 2
    assert shop.enrol("p1", 1).snapshot != first.snapshot


class Halving:
    """A publisher that looks at everything it is given."""

    def publish(self, items, vectors, photos):
        made = stacked(vectors)
        for row, item in enumerate(items):
            made.items[row] *= 0.5 if item.id in photos else 1
        return PublishedVectors(made.items, made.nodes + 1)


def test_another_publisher_starts_from_what_the_network_gave(shop: Shop) -> None:
    shop.add(1, 2).import_all()
    with SqliteCatalog.open(shop.catalog, BUNDLE) as catalog:
        own, nodes = catalog.vectors([0, 1])
    shop.enrol("p2", 1)
    with SqliteCatalog.open(shop.catalog, BUNDLE, publisher=Halving()) as catalog:
        catalog.publish()
        items, raised = catalog.vectors([0, 1])
    np.testing.assert_array_equal(items, own * [[1.0], [0.5]])
    np.testing.assert_array_equal(raised, nodes + 1)


def test_a_publisher_that_gives_no_numbers_changes_nothing(shop: Shop) -> None:
    class Broken:
        def publish(self, items, vectors, photos):
            made = stacked(vectors)
            made.nodes[0] = np.nan
            return made

    first = shop.add(1).import_all()
    with (
        SqliteCatalog.open(shop.catalog, BUNDLE, publisher=Broken()) as catalog,
        pytest.raises(CatalogError, match="not finite"),
    ):
        catalog.publish()
    with SqliteCatalog.open(shop.catalog, BUNDLE) as catalog:
        assert catalog.stats().snapshot == first.snapshot


def test_a_damaged_database_is_reported(shop: Shop) -> None:
    shop.add(1).import_all()
    (shop.catalog / "catalog.db").write_bytes(b"not a database" * 1000)
    with pytest.raises(CatalogError, match="damaged"):
        SqliteCatalog.open(shop.catalog, BUNDLE)


def test_three_snapshots_and_their_images_stay_on_the_disk(shop: Shop) -> None:
    for number in range(6):
        shop.rows.clear()
        shop.add(number).import_all()
    assert len(list((shop.catalog / "snapshots").iterdir())) == KEPT == 3
    assert len(list((shop.catalog / "images").iterdir())) == 3
    with SqliteCatalog.open(shop.catalog, BUNDLE) as catalog:
        catalog.rollback()
        catalog.rollback()
        assert [item.id for item in catalog.items()] == ["p3"]
        assert catalog.items()[0].image.is_file()
        with pytest.raises(CatalogError, match="no earlier"):
            catalog.rollback()


def test_a_snapshot_that_returns_is_shared(shop: Shop) -> None:
    first = shop.add(1).import_all()
    shop.add(2).import_all()
    del shop.rows["p2"]
    again = shop.import_all()
    assert again.snapshot == first.snapshot
    with SqliteCatalog.open(shop.catalog, BUNDLE) as catalog:
        catalog.rollback()
        assert len(catalog.items()) == 2
        catalog.rollback()
        assert len(catalog.items()) == 1


def test_a_reader_keeps_its_snapshot_until_it_refreshes(shop: Shop) -> None:
    shop.add(1).import_all()
    with SqliteCatalog.open(shop.catalog, BUNDLE) as reader:
        assert reader.refresh() is False
        for number in (2, 3, 4, 5, 6):
            shop.add(number).import_all()
        assert [item.id for item in reader.items()] == ["p1"]
        assert len(reader.search(np.ones(8, np.float32), 9)) == 1
        assert reader.refresh() is True
        assert len(reader.search(np.ones(8, np.float32), 9)) == 6


def test_a_second_writer_is_refused_until_the_first_has_ended(shop: Shop, make_item) -> None:
    shop.add(1).import_all()
    with (
        SqliteCatalog.open(shop.catalog, BUNDLE) as first,
        SqliteCatalog.open(shop.catalog, BUNDLE) as second,
    ):
        first.delete(["p1"])
        for write in (lambda: second.delete(["p1"]), second.publish, second.rollback):
            with pytest.raises(CatalogError, match="being changed"):
                write()
        first.publish()
        assert second.delete(["p1"]) == 0, "the second writer starts from what the first published"


def test_a_catalog_opened_without_a_bundle_cannot_publish(shop: Shop) -> None:
    shop.add(1).import_all()
    with (
        SqliteCatalog.open(shop.catalog) as catalog,
        pytest.raises(ValueError, match="without a bundle"),
    ):
        catalog.publish()


@pytest.mark.parametrize("name", ["items.npy", "nodes.npy", "ids.json"])
def test_a_damaged_snapshot_is_found_and_mended(shop: Shop, name: str) -> None:
    shop.add(1).import_all()
    shop.add(2).import_all()
    with SqliteCatalog.open(shop.catalog, BUNDLE) as catalog:
        live = catalog.stats().snapshot
    path = shop.catalog / "snapshots" / live / name
    path.write_bytes(path.read_bytes()[:-1] + b"\x7f")
    with pytest.raises(CatalogError, match="damaged"):
        SqliteCatalog.open(shop.catalog, BUNDLE)
    report = shop.import_all()
    assert report.encoded == 0, "all vectors were in the cache"
    assert ids(shop.catalog) == ["p1", "p2"]


def test_a_missing_snapshot_can_be_rolled_back(shop: Shop) -> None:
    shop.add(1).import_all()
    live = shop.add(2).import_all().snapshot
    (shop.catalog / "snapshots" / live / "items.npy").unlink()
    with pytest.raises(CatalogError, match=r"items\.npy is missing"):
        SqliteCatalog.open(shop.catalog, BUNDLE)
    with SqliteCatalog.build(shop.catalog, BUNDLE, create=False) as catalog:
        catalog.rollback()
    assert ids(shop.catalog) == ["p1"]


def test_a_folder_that_cannot_be_written_is_read(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop.add(1).import_all()
    before = sorted(p.name for p in shop.catalog.iterdir())
    # Permission bits do not bind root, which tests may run as.
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    with SqliteCatalog.open(shop.catalog, BUNDLE) as catalog:
        assert len(catalog.search(np.ones(8, np.float32), 1)) == 1
        assert sorted(p.name for p in shop.catalog.iterdir()) == before
        catalog.delete(["p1"])
        with pytest.raises(StorageError, match="readonly"):
            catalog.publish()


def test_a_full_database_is_a_storage_error(shop: Shop, make_item) -> None:
    shop.add(1).import_all()
    with SqliteCatalog.open(shop.catalog, BUNDLE) as catalog:
        pages = catalog._connection.execute("PRAGMA page_count").fetchone()[0]
        catalog._connection.execute(f"PRAGMA max_page_count = {pages}")
        many = "long " * 50_000
        catalog.upsert([(make_item("new", description=many), axis(*[1] * 8))])
        catalog.delete(["p1"])
        with pytest.raises(StorageError, match="full"):
            catalog.publish()
        assert [item.id for item in catalog.items()] == ["p1"]
    assert ids(shop.catalog) == ["p1"]
