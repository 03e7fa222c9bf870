"""Training corpora."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import numpy as np
import pytest

from models.data import sources
from models.data.corpus import Corpus
from models.data.grocery_lpr import read_clips, render
from models.data.pictures import nth_of
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


def test_training_clips_carry_their_words_and_labels(root: Path) -> None:
    clip = next(shot for shot in sources.grocery(root).shots if shot.source == "clip")
    assert (clip.key, clip.domain, clip.split) == ("train-red-milk", "Grocery", "train")
    assert (clip.speech.clean, clip.speech.heard, clip.speech.kind) == (
        "look at the red milk",
        "look at red milk from here",
        "named",
    )
    assert clip.conditions["tier"] == "L3"


def test_validation_clips_are_a_corpus_of_their_own(root: Path) -> None:
    corpus = sources.grocery_clips(root, "val", "L3")
    assert [shot.key for shot in corpus.shots] == [f"val-{p}" for p in PRODUCTS]
    assert {shot.split for shot in corpus.shots} == {"val"}
    assert corpus.shelf(corpus.shots[0]) == tuple(range(len(PRODUCTS)))
    clip = next(iter(read_clips(root / "dev" / "clips_val.jsonl", root)))
    for picture, drawn in zip(corpus.shots[0].pictures, render(clip, "L3", root), strict=True):
        assert np.array_equal(picture(), drawn)


def _fashion(root: Path, rows: str) -> Path:
    (root / "dev" / "views.csv").write_text(f"path,product_id,style\n{rows}", encoding="utf-8")
    return root / "dev"


VIEWS = "images/val/pear_0.png,pear,\nimages/val/pear_1.png,pear,\nimages/val/plum_0.png,plum,\n"


def test_alternate_views_are_shop_pictures_or_shots_never_both(root: Path) -> None:
    grounds, shop = sources.training_photos(root), _fashion(root, VIEWS)
    held = sources.fashion(shop, grounds)
    assert [len(item.views) for item in held.items] == [0, 0, 2, 1]
    assert {shot.source for shot in held.shots} == {"cutout"}
    asked = sources.fashion(shop, grounds, views="shots", staged=0)
    assert [len(item.views) for item in asked.items] == [0, 0, 0, 0]
    assert [(s.item, s.source, len(s.pictures)) for s in asked.shots] == [
        (2, "view", 2),
        (3, "view", 1),
    ]
    assert held.digest != asked.digest


def test_alternate_views_are_staged_by_turns(root: Path) -> None:
    grounds = sources.training_photos(root)
    plain = sources.fashion(_fashion(root, ""), grounds, staged=3)
    viewed = sources.fashion(_fashion(root, VIEWS), grounds, staged=3)
    pear, seen = plain.shots[2].pictures, viewed.shots[2].pictures
    assert np.array_equal(pear[0](), seen[0]())
    assert not np.array_equal(pear[1](), seen[1]())


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ("images/val/pear_0.png,papaya,\n", "line 2 .*no fashion/papaya"),
        ("images/none.png,pear,\n", r"line 2 .*no file .*none\.png"),
    ],
)
def test_a_bad_view_is_named_with_its_line(root: Path, row: str, said: str) -> None:
    with pytest.raises(ClipListError, match=said):
        sources.fashion(_fashion(root, row), [])
    (root / "dev" / "views.csv").unlink()
    with pytest.raises(ClipListError, match=r"views\.csv"):
        sources.fashion(root / "dev", [])


def test_the_real_fashion_catalog(assets: Path) -> None:
    corpus = sources.fashion(assets / "data" / "fashion", [])
    assert len(corpus.items) == 449
    assert sum(len(item.views) for item in corpus.items) == 150
    assert sum(bool(item.views) for item in corpus.items) == 92


def test_pictures_drawn_together_are_drawn_once_and_few_are_kept() -> None:
    drawn: list[int] = []

    def draw(number: int) -> list[np.ndarray]:
        drawn.append(number)
        return [np.full((1, 1, 3), number, np.uint8)] * 2

    sets = [nth_of(partial(draw, number), 2) for number in range(4)]
    values = [picture()[0, 0, 0] for some in sets for picture in some]
    assert values == [0, 0, 1, 1, 2, 2, 3, 3]
    assert drawn == [0, 1, 2, 3]
    sets[0][0]()
    assert drawn == [0, 1, 2, 3, 0]
