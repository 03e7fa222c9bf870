from __future__ import annotations

import errno
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TypeVar

import numpy as np
import pytest

from runtime.catalog.importer import ImportReport, import_feed
from runtime.catalog.record import KEPT
from runtime.catalog.sqlite_catalog import SqliteCatalog
from runtime.errors import CatalogError, FeedError
from tests.runtime.catalog.conftest import BUNDLE, FakeItemEncoder, Shop, silent, write_image

T = TypeVar("T")


def counts(report: ImportReport) -> tuple[int, int, int, int, int]:
    """Added, changed, unchanged, removed, encoded."""
    return report.added, report.changed, report.unchanged, report.removed, report.encoded


def ids(shop: Shop) -> list[str]:
    with SqliteCatalog.open(shop.catalog, BUNDLE) as catalog:
        return [item.id for item in catalog.items()]


def test_a_first_import(shop: Shop) -> None:
    report = shop.add(*range(20)).import_all()
    assert counts(report) == (20, 0, 0, 0, 20)
    with SqliteCatalog.open(shop.catalog, BUNDLE) as catalog:
        assert catalog.stats().snapshot == report.snapshot
        assert len(catalog.search(np.ones(8, np.float32), 100)) == 20


def test_the_vectors_are_the_encoders(shop: Shop) -> None:
    shop.add(1, 2, 300).import_all()
    with SqliteCatalog.open(shop.catalog, BUNDLE) as catalog:
        items, nodes = catalog.vectors([0, 1, 2])
    shop.import_all("d" * 64)
    with SqliteCatalog.open(shop.catalog, "d" * 64) as catalog:
        again = catalog.vectors([0, 1, 2])
    assert len({row.tobytes() for row in items}) == 3
    np.testing.assert_array_equal(items, again[0])
    np.testing.assert_array_equal(nodes, again[1])


def test_the_kiosk_has_the_images_when_the_feed_is_gone(shop: Shop) -> None:
    shop.add(1).import_all()
    source = shop.feed.parent / "images" / "1.png"
    data = source.read_bytes()
    source.unlink()
    with SqliteCatalog.open(shop.catalog, BUNDLE) as catalog:
        (item,) = catalog.items()
    assert item.image.read_bytes() == data
    assert item.image.parent == shop.catalog / "images"


def test_the_catalog_folder_may_be_moved(shop: Shop) -> None:
    shop.add(1, 2).import_all()
    moved = shop.catalog.rename(shop.catalog.with_name("elsewhere"))
    with SqliteCatalog.open(moved, BUNDLE) as catalog:
        assert all(item.image.is_file() for item in catalog.items())


def test_importing_again_changes_nothing(shop: Shop) -> None:
    first = shop.add(1, 2).import_all()
    second = shop.import_all()
    assert counts(second) == (0, 0, 2, 0, 0)
    assert second.snapshot == first.snapshot
    with SqliteCatalog.open(shop.catalog, BUNDLE) as catalog, pytest.raises(CatalogError):
        catalog.rollback()


def test_only_what_changed_is_encoded(shop: Shop) -> None:
    shop.add(*range(12)).import_all()
    shop.rows["p3"]["title"] = "new title"
    shop.rows["p4"]["description"] = "new text"
    write_image(shop.feed.parent / "images" / "5.png", 999)
    shop.rows["p6"]["price"] = "2 EUR"
    del shop.rows["p7"]
    shop.add(100)
    assert counts(shop.import_all()) == (1, 4, 7, 1, 4)
    assert sorted(shop.encoder.encoded) == ["Product 100", "Product 4", "Product 5", "new title"]
    with SqliteCatalog.open(shop.catalog, BUNDLE) as catalog:
        assert catalog.get("p7") is None
        item = catalog.get("p6")
        assert item is not None
        assert item.attributes == {"price": "2 EUR"}


def test_a_changed_price_can_be_rolled_back(shop: Shop) -> None:
    shop.add(1).import_all()
    shop.rows["p1"]["price"] = "2 EUR"
    shop.import_all()
    with SqliteCatalog.open(shop.catalog, BUNDLE) as catalog:
        catalog.rollback()
        assert catalog.items()[0].attributes == {"price": "1 EUR"}


def test_the_same_content_is_encoded_once(shop: Shop) -> None:
    shop.add(1)
    shop.rows["twin"] = {**shop.rows["p1"], "id": "twin"}
    assert counts(shop.import_all()) == (2, 0, 0, 0, 1)
    assert ids(shop) == ["p1", "twin"]


def test_another_bundle_encodes_everything_again(shop: Shop) -> None:
    shop.add(1, 2).import_all()
    assert shop.import_all("d" * 64).encoded == 2


def test_contents_leave_the_cache_with_the_last_snapshot_that_has_them(shop: Shop) -> None:
    shop.add(1, 2).import_all()
    del shop.rows["p2"]
    for number in range(3, 2 + KEPT):
        shop.add(number).import_all()
    assert shop.add(2).import_all().encoded == 0, "a rollback may still need it"
    del shop.rows["p2"]
    for number in range(2 + KEPT, 2 + 2 * KEPT):
        shop.add(number).import_all()
    assert shop.add(2).import_all().encoded == 1


def test_a_broken_image_is_told_by_line_and_the_rest_is_kept(shop: Shop) -> None:
    shop.add(1).import_all()
    shop.add(*range(2, 12))
    broken = shop.feed.parent / "images" / "5.png"
    data = broken.read_bytes()
    broken.write_bytes(data[:50])  # its header is whole
    with pytest.raises(FeedError, match=r"1 problem") as caught:
        shop.import_all()
    assert "line 6 (id p5)" in caught.value.why
    assert ids(shop) == ["p1"]
    write_image(broken, 5)
    assert shop.import_all().encoded == 1, "the others were in the cache"


def test_a_folder_of_other_things_is_left_alone(shop: Shop) -> None:
    """The shop's own images would otherwise be deleted as leftovers of the catalog."""
    shop.add(1, 2).catalog = shop.feed.parent
    with pytest.raises(CatalogError, match="not empty"):
        shop.import_all()
    assert sorted(place.name for place in shop.feed.parent.iterdir()) == ["feed.csv", "images"]
    shop.catalog = shop.feed.parent / "images"
    with pytest.raises(CatalogError, match="not empty"):
        shop.import_all()
    assert len(list((shop.feed.parent / "images").iterdir())) == 2


def test_an_import_killed_before_its_database_was_made_is_taken_up(shop: Shop) -> None:
    shop.catalog.mkdir()
    (shop.catalog / "writer.lock").touch()
    assert shop.add(1).import_all().added == 1


def test_unusable_images_are_found_before_anything_is_encoded(shop: Shop) -> None:
    shop.add(*range(12))
    for number in (3, 9):
        (shop.feed.parent / "images" / f"{number}.png").write_bytes(b"")
    with pytest.raises(FeedError, match="2 problems") as caught:
        shop.import_all()
    assert "line 5 (id p3)" in caught.value.why
    assert "line 11 (id p9)" in caught.value.why
    assert shop.encoder.encoded == []
    assert not shop.catalog.exists()


def test_a_bad_feed_leaves_the_catalog_alone(shop: Shop) -> None:
    shop.add(1).import_all()
    shop.rows["p2"] = {**shop.rows["p1"], "id": "p1"}
    with pytest.raises(FeedError, match="already on line 2"):
        shop.import_all()
    assert ids(shop) == ["p1"]


def test_the_old_products_are_shown_while_an_import_runs(shop: Shop) -> None:
    shop.add(1).import_all()
    seen = []

    class Watching(FakeItemEncoder):
        def encode_items(self, images, texts):
            seen.append(ids(shop))
            return super().encode_items(images, texts)

    import_feed(shop.add(2, 3).write(), shop.catalog, Watching(), BUNDLE, silent)
    assert seen == [["p1"]]
    assert ids(shop) == ["p1", "p2", "p3"]


def test_a_second_import_at_the_same_time_is_refused(shop: Shop) -> None:
    class Greedy(FakeItemEncoder):
        def encode_items(self, images, texts):
            with pytest.raises(CatalogError, match="being changed"):
                shop.import_all()
            return super().encode_items(images, texts)

    import_feed(shop.add(1).write(), shop.catalog, Greedy(), BUNDLE, silent)
    assert ids(shop) == ["p1"]


def test_ctrl_c_keeps_the_batches_that_were_encoded(shop: Shop) -> None:
    def interrupted(items: Iterable[T], *, label: str, total: int) -> Iterator[T]:
        for number, item in enumerate(items):
            if number == 17:
                raise KeyboardInterrupt
            yield item

    shop.add(1).import_all()
    shop.add(*range(2, 31))
    with pytest.raises(KeyboardInterrupt):
        import_feed(shop.write(), shop.catalog, shop.encoder, BUNDLE, interrupted)
    assert ids(shop) == ["p1"]
    assert shop.import_all().encoded == 29 - 16


def test_progress_counts_what_is_encoded(shop: Shop) -> None:
    calls = []

    def counting(items: Iterable[T], *, label: str, total: int) -> Iterator[T]:
        passed = list(items)
        calls.append((label, total, len(passed)))
        return iter(passed)

    import_feed(shop.add(*range(9)).write(), shop.catalog, shop.encoder, BUNDLE, counting)
    assert calls == [("Encoding products", 9, 9)]


@pytest.mark.parametrize("allowed", range(7))
def test_a_full_disk_leaves_the_old_snapshot(
    shop: Shop, monkeypatch: pytest.MonkeyPatch, allowed: int
) -> None:
    shop.add(1).import_all()
    real, calls = os.fsync, []

    def full(descriptor: int) -> None:
        calls.append(descriptor)
        if len(calls) > allowed:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        real(descriptor)

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        shop.add(2).import_all()
    monkeypatch.undo()
    assert ids(shop) == ["p1"]
    left = [*(shop.catalog / "snapshots").iterdir(), *(shop.catalog / "images").iterdir()]
    assert not [p for p in left if p.name.startswith(".") or p.name.endswith(".new")]
    shop.import_all()
    assert ids(shop) == ["p1", "p2"]


def test_real_shop_images(assets: Path, tmp_path: Path) -> None:
    feed = assets / "data" / "grocery_lpr" / "dev" / "catalog.csv"
    report = import_feed(feed, tmp_path / "c", FakeItemEncoder(), BUNDLE, silent)
    assert report.added == 81
