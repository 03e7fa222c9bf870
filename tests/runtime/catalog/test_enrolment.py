from __future__ import annotations

import errno
import os
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
import pytest

from runtime.catalog.catalog import FloatArray
from runtime.catalog.enrolment import enrol_photos, forget_photos
from runtime.catalog.images import decode_image
from runtime.catalog.photos import Photo, read_photo_list
from runtime.catalog.sqlite_catalog import SqliteCatalog
from runtime.errors import CatalogError, FeedError
from runtime.preprocess import frame_input
from tests.runtime.catalog.conftest import BUNDLE, VISUAL, FakeItemEncoder, Shop, silent
from tests.runtime.catalog.test_images import png_header

OTHER = "d" * 64


def state(shop: Shop, bundle: str = BUNDLE) -> tuple[str, dict[str, int], list[list[float]]]:
    """Live snapshot, photos by product, item vectors."""
    with SqliteCatalog.open(shop.catalog, bundle) as catalog:
        counts = {item_id: len(paths) for item_id, paths in catalog.photos().items()}
        rows = catalog.vectors(range(len(catalog.items())))[0]
        return catalog.stats().snapshot, counts, rows.tolist()


def unit_mean(shop: Shop, *numbers: int) -> FloatArray:
    """Of what the encoder makes of photos cut as camera frames."""
    photos = [decode_image(shop.photo(number).read_bytes(), "x") for number in numbers]
    squares = np.stack([frame_input(photo, FakeItemEncoder.image_size) for photo in photos])
    rows = np.stack([p.vector for p in FakeItemEncoder().encode_photos(squares)])
    mean = (rows / np.linalg.norm(rows, axis=1, keepdims=True)).mean(axis=0)
    return np.asarray(mean / np.linalg.norm(mean), np.float32)


def test_an_item_is_found_by_its_photos_and_its_own_words(shop: Shop) -> None:
    shop.add(1, 2).import_all()
    _, _, before = state(shop)
    report = shop.enrol("p2", 1, 2, 3)
    snapshot, photos, after = state(shop)
    assert (report.snapshot, report.items, report.added, report.known) == (snapshot, 1, 3, 0)
    assert photos == {"p2": 3}
    assert after[0] == before[0]
    assert after[1][VISUAL:] == before[1][VISUAL:]
    np.testing.assert_allclose(after[1][:VISUAL], unit_mean(shop, 1, 2, 3), rtol=1e-5)


def test_photos_are_encoded_once(shop: Shop) -> None:
    shop.add(1, 2).import_all()
    shop.enrol("p1", 1, 2)
    assert shop.encoder.photos == 2
    before = state(shop)
    assert (shop.enrol("p1", 2, 1).added, shop.encoder.photos) == (0, 2)
    assert state(shop) == before, "nothing new makes no snapshot"
    report = shop.enrol("p1", 2, 3)
    assert (report.added, report.known, shop.encoder.photos) == (1, 1, 3)
    shop.enrol("p2", 3)
    assert shop.encoder.photos == 3, "the same photo of another product"


def test_photos_survive_another_import_and_cost_nothing(shop: Shop) -> None:
    shop.add(1, 2).import_all()
    shop.enrol("p1", 1, 2)
    shop.rows["p1"]["title"] = "new title"
    report = shop.add(3).import_all()
    assert (report.added, report.changed, report.encoded) == (1, 1, 2)
    _, photos, rows = state(shop)
    assert (photos, shop.encoder.photos) == ({"p1": 2}, 2)
    np.testing.assert_allclose(rows[0][:VISUAL], unit_mean(shop, 1, 2), rtol=1e-5)


def test_enrolment_encodes_no_product_again(shop: Shop) -> None:
    shop.add(*range(10)).import_all()
    shop.encoder.encoded.clear()
    shop.enrol("p1", 1)
    forget_photos(["p1"], shop.catalog, BUNDLE)
    assert shop.encoder.encoded == []


def test_photos_leave_with_their_product(shop: Shop) -> None:
    shop.add(1, 2).import_all()
    shop.enrol("p1", 1)
    shop.enrol("p2", 2)
    del shop.rows["p1"]
    shop.import_all()
    assert state(shop)[1] == {"p2": 1}


def test_photos_come_along_to_another_bundle(shop: Shop) -> None:
    shop.add(1, 2).import_all()
    shop.enrol("p1", 1, 2)
    assert shop.import_all(OTHER).encoded == 2
    assert shop.encoder.photos == 4
    _, photos, rows = state(shop, OTHER)
    assert photos == {"p1": 2}
    np.testing.assert_allclose(rows[0][:VISUAL], unit_mean(shop, 1, 2), rtol=1e-5)


def test_a_lost_photo_is_named_when_another_bundle_needs_it(shop: Shop) -> None:
    shop.add(1).import_all()
    shop.enrol("p1", 1)
    before = state(shop)
    with SqliteCatalog.open(shop.catalog, BUNDLE) as catalog:
        catalog.photos()["p1"][0].unlink()
    with pytest.raises(FeedError, match=r"a photo of p1.*no such file"):
        shop.import_all(OTHER)
    assert state(shop) == before


def test_photos_survive_a_damaged_snapshot(shop: Shop) -> None:
    shop.add(1).import_all()
    report = shop.enrol("p1", 1)
    (shop.catalog / "snapshots" / report.snapshot / "items.npy").write_bytes(b"x")
    shop.import_all()
    assert state(shop)[1] == {"p1": 1}


def test_the_shops_own_files_may_go(shop: Shop) -> None:
    shop.add(1).import_all()
    data = shop.photo(1).read_bytes()
    shop.enrol("p1", 1)
    shop.photo(1).unlink()
    with SqliteCatalog.open(shop.catalog, BUNDLE) as catalog:
        (photo,) = catalog.photos()["p1"]
    assert photo.parent == shop.catalog / "images"
    assert photo.read_bytes() == data


def test_a_running_reader_moves_on_when_it_refreshes(shop: Shop) -> None:
    shop.add(1).import_all()
    with SqliteCatalog.open(shop.catalog, BUNDLE) as reader:
        shop.enrol("p1", 1)
        assert reader.photos() == {}
        assert reader.refresh()
        assert len(reader.photos()["p1"]) == 1


def test_forgetting(shop: Shop) -> None:
    shop.add(1, 2).import_all()
    before = state(shop)
    shop.enrol("p1", 1, 2)
    shop.enrol("p2", 3)
    assert forget_photos(["p1", "p2"], shop.catalog, BUNDLE).removed == 3
    assert state(shop) == before
    assert forget_photos(["p1"], shop.catalog, BUNDLE).removed == 0
    with pytest.raises(CatalogError, match="no product p9"):
        forget_photos(["p1", "p9"], shop.catalog, BUNDLE)


def _bad(folder: Path, kind: str) -> Path:
    path = folder / f"{kind}.png"
    if kind != "missing":
        truncated = (folder / "photos" / "1.png").read_bytes()[:50]
        contents = {"text": b"hello", "bomb": png_header(20_000, 20_000), "truncated": truncated}
        path.write_bytes(contents[kind])
    return path


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        ("missing", "no such file"),
        ("text", "not an image"),
        ("bomb", "too large"),
        ("truncated", "truncated.png is broken"),
    ],
)
def test_one_bad_photo_and_none_is_added(shop: Shop, tmp_path: Path, kind: str, said: str) -> None:
    shop.add(1).import_all()
    before = state(shop)
    photos = [Photo("p1", shop.photo(n), f"photo {n}") for n in range(1, 12)]
    path = _bad(tmp_path, kind)
    photos.insert(9, Photo("p1", path, path.name))
    with pytest.raises(FeedError, match=said) as caught:
        enrol_photos(photos, shop.catalog, shop.encoder, BUNDLE, silent)
    assert "1 problem" in caught.value.what
    assert "nothing was changed" in caught.value.fix
    assert state(shop) == before
    del photos[9]
    assert enrol_photos(photos, shop.catalog, shop.encoder, BUNDLE, silent).added == 11


def test_all_problems_are_told_at_once(shop: Shop, tmp_path: Path) -> None:
    shop.add(1).import_all()
    photos = [
        Photo("p1", tmp_path / "none", "first"),
        Photo("pi", shop.photo(1), "second"),
        Photo("pi", shop.photo(2), "third"),
    ]
    with pytest.raises(FeedError, match="2 problems") as caught:
        enrol_photos(photos, shop.catalog, shop.encoder, BUNDLE, silent)
    assert "first cannot be read: there is no such file" in caught.value.why
    assert "no product pi in the catalog; the nearest ids are p1" in caught.value.why
    assert shop.encoder.photos == 0


def test_another_bundle_is_refused(shop: Shop) -> None:
    shop.add(1).import_all()
    with pytest.raises(CatalogError, match="another bundle"):
        shop.enrol("p1", 1, bundle=OTHER)
    with pytest.raises(CatalogError, match="another bundle"):
        forget_photos(["p1"], shop.catalog, OTHER)


def test_without_a_catalog_nothing_is_made(shop: Shop) -> None:
    with pytest.raises(CatalogError, match="there is no catalog"):
        shop.enrol("p1", 1)
    assert not shop.catalog.exists()


def test_another_writer_is_kept_out_while_photos_are_encoded(shop: Shop) -> None:
    shop.add(1).import_all()

    def writing(items: Iterable[Photo], *, label: str, total: int) -> Iterator[Photo]:
        with pytest.raises(CatalogError, match="being changed"):
            shop.import_all()
        yield from items

    photos = [Photo("p1", shop.photo(1), "photo")]
    enrol_photos(photos, shop.catalog, FakeItemEncoder(), BUNDLE, writing)
    assert state(shop)[1] == {"p1": 1}


@pytest.mark.parametrize("allowed", range(6))
def test_a_full_disk_leaves_the_old_snapshot(
    shop: Shop, monkeypatch: pytest.MonkeyPatch, allowed: int
) -> None:
    shop.add(1).import_all()
    before = state(shop)
    real, calls = os.fsync, []

    def full(descriptor: int) -> None:
        calls.append(descriptor)
        if len(calls) > allowed:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        real(descriptor)

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        shop.enrol("p1", 1)
    monkeypatch.undo()
    assert state(shop) == before
    assert shop.enrol("p1", 1).added == 1


def test_a_list_of_photos(shop: Shop, tmp_path: Path) -> None:
    rows = ["photos/1.png,train,p1,", "photos/2.png,val,p1,", "photos/3.png,test,p2,x"]
    listed = tmp_path / "splits.csv"
    listed.write_text("\n".join(["path,split,product_id,scene", *rows]), encoding="utf-8")
    every = read_photo_list(listed)
    assert [(p.item_id, p.path) for p in every][2] == ("p2", tmp_path / "photos" / "3.png")
    assert [p.path.name for p in read_photo_list(listed, {"train", "val"})] == ["1.png", "2.png"]
    with pytest.raises(FeedError, match="no row is of other"):
        read_photo_list(listed, {"other"})


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("path,id\na,b\n", "lacks the column product_id"),
        ("path,product_id\n", "lists no photos"),
        ("path,product_id\n,p1\n", "line 2: path is empty"),
        ("path,product_id\na.png,\n", "line 2: product_id is empty"),
        ("path,product_id\na.png\n", "line 2: 1 columns"),
    ],
)
def test_a_list_that_cannot_be_used(tmp_path: Path, text: str, said: str) -> None:
    listed = tmp_path / "list.csv"
    listed.write_text(text, encoding="utf-8")
    with pytest.raises(FeedError) as caught:
        read_photo_list(listed)
    assert said in str(caught.value)
