"""Training corpora."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from models.data import sources
from models.data.corpus import Corpus
from runtime.errors import ClipListError, FeedError
from tests.models.made_up_shop import NOVEL, PHOTOS, PRODUCTS, make_grocery


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return make_grocery(tmp_path)


def _drawn(corpus: Corpus) -> list[np.ndarray]:
    return [picture() for shot in corpus.shots for picture in shot.pictures]


def test_products_come_with_kind_group_and_shop_picture(root: Path) -> None:
    corpus = sources.grocery(root)
    assert [item.key for item in corpus.items] == [f"grocery/{p}" for p in PRODUCTS]
    milk = corpus.items[0]
    assert (milk.title, milk.kind, milk.group) == ("Red Milk", "milk", "grocery/milk")
    assert milk.image().shape == (96, 96, 3)


def test_photos_clips_and_staged_pictures_are_shots(root: Path) -> None:
    corpus = sources.grocery(root, tiers=("L0", "L3"), staged=2)
    found = {(shot.item, shot.source): len(shot.pictures) for shot in corpus.shots}
    photographed = [i for i, p in enumerate(PRODUCTS) if p != NOVEL]
    expected = {(i, "cutout"): 2 for i in range(len(PRODUCTS))}
    expected |= {(i, source): PHOTOS for i in photographed for source in ("photo", "clip")}
    assert found == expected
    clips = [shot for shot in corpus.shots if shot.source == "clip"]
    assert len(clips) == 2 * len(photographed)


def test_validation_photos_are_never_read(root: Path) -> None:
    for photo in (root / "dev" / "images" / "val").iterdir():
        photo.write_bytes(b"reading this would fail")
    corpus = sources.grocery(root, tiers=("L0", "L3"), staged=5)
    assert len(_drawn(corpus)) == 3 * 3 * PHOTOS + 5 * len(PRODUCTS)
    assert "val-red-milk" not in str(corpus.sentences)


def test_training_photos_are_the_train_split(root: Path) -> None:
    photos = sources.training_photos(root)
    assert len(photos) == 3 * PHOTOS
    assert {p.parent.name for p in photos} == {"train"}
    assert all(p.is_file() for p in photos)


def test_every_product_is_talked_about(root: Path) -> None:
    corpus = sources.grocery(root)
    spoken = [item for item, _ in corpus.sentences]
    assert set(spoken) == set(range(len(PRODUCTS)))
    assert all(text.strip() for _, text in corpus.sentences)
    assert (0, "look at red milk from here") in corpus.sentences


def test_a_corpus_is_the_same_every_time(root: Path) -> None:
    one, two = sources.grocery(root, staged=3), sources.grocery(root, staged=3)
    assert one.sentences == two.sentences
    assert one.digest == two.digest
    for first, second in zip(_drawn(one), _drawn(two), strict=True):
        assert first.dtype == np.uint8
        assert np.array_equal(first, second)


def test_the_digest_tells_data_and_recipe_apart(root: Path) -> None:
    digests = {sources.grocery(root).digest, sources.grocery(root, staged=1).digest}
    digests.add(sources.grocery(root, tiers=("L0",)).digest)
    with (root / "dev" / "clips_train.jsonl").open("a", encoding="utf-8") as file:
        file.write("\n")
    digests.add(sources.grocery(root).digest)
    assert len(digests) == 4


def test_a_feed_alone_is_staged_before_given_photos(root: Path) -> None:
    feed, grounds = root / "dev" / "catalog.csv", sources.training_photos(root)[:2]
    corpus = sources.staged_feed(feed, "shop", grounds, staged=1)
    assert corpus.items[0].key == "shop/red-milk"
    assert {shot.source for shot in corpus.shots} == {"cutout"}
    assert all(picture.shape == (320, 320, 3) for picture in _drawn(corpus))


def test_data_that_is_not_there_is_named(root: Path) -> None:
    (root / "dev" / "splits.csv").unlink()
    with pytest.raises(ClipListError, match=r"splits\.csv"):
        sources.grocery(root)
    with pytest.raises(FeedError):
        sources.grocery(root / "none")


def test_a_photo_of_an_unknown_product_is_named(root: Path) -> None:
    with (root / "dev" / "splits.csv").open("a", encoding="utf-8") as file:
        file.write("images/train/pear_0.png,train,papaya\n")
    with pytest.raises(ClipListError, match="papaya"):
        sources.grocery(root)


def test_a_broken_photo_is_named(root: Path) -> None:
    (root / "dev" / "images" / "train" / "pear_1.png").write_bytes(b"no picture")
    with pytest.raises(ClipListError, match=r"pear_1\.png"):
        _drawn(sources.grocery(root))


def test_a_synthetic_store_gives_views_and_takes() -> None:
    corpus = sources.synthetic(3, views=1, takes=1)
    assert {shot.source for shot in corpus.shots} == {"store", "take"}
    take = next(shot for shot in corpus.shots if shot.source == "take")
    assert len(take.pictures) == sources.TAKE
    assert all(item.key.startswith("store3/") for item in corpus.items)
    assert {item for item, _ in corpus.sentences} == set(range(len(corpus.items)))
    view = corpus.shots[0].pictures[0]
    assert view().dtype == np.uint8
    assert np.array_equal(view(), sources.synthetic(3, views=1).shots[0].pictures[0]())
    assert corpus.digest != sources.synthetic(4, views=1, takes=1).digest
