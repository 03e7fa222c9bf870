"""MovingFashion in its published format, with real videos."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from models.data.corpus import Corpus
from models.data.downloads import MissingDataWarning
from models.data.moving_fashion import moving_fashion
from models.data.pictures import VideoPictures
from runtime.errors import ClipError, ClipListError
from tests.models.made_up_lpr4m import paint
from tests.runtime.capture.media import number, shade, write_clip

RECORDS: dict[str, dict[str, Any]] = {
    "10": {"img_path": "imgs/red.jpg", "video_paths": ["videos/a.avi"], "source": 1},
    "11": {
        "img_path": "imgs/blue.jpg",
        "video_paths": ["videos/b.avi", "videos/c.avi"],
        "source": 0,
    },
    "12": {"img_path": "imgs/red.jpg", "video_paths": ["videos/b.avi"], "source": 1},
}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for colour in ("red", "blue"):
        paint(tmp_path / "imgs" / f"{colour}.jpg", colour)
    (tmp_path / "videos").mkdir()
    for start, name in enumerate("abc"):
        shades = [shade(start + n // 4) for n in range(10)]
        write_clip(tmp_path / "videos" / f"{name}.avi", shades, fps=4)
    return _write(tmp_path, RECORDS)


def _write(root: Path, records: Any, split: str = "test") -> Path:
    (root / f"{split}.json").write_text(json.dumps(records), encoding="utf-8")
    return root


def _keys(corpus: Corpus, items: tuple[int, ...]) -> list[str]:
    return [corpus.items[i].key.split("/")[-1] for i in items]


def test_a_product_with_a_video_is_a_query(root: Path) -> None:
    corpus = moving_fashion(root, "test")
    assert [s.key for s in corpus.shots] == [
        "10/videos/a.avi",
        "11/videos/b.avi",
        "11/videos/c.avi",
        "12/videos/b.avi",
    ]
    assert [s.gallery for s in corpus.shots] == ["regular", "hard", "hard", "regular"]
    assert {s.split for s in corpus.shots} == {"test"}
    assert corpus.lost == ()


def test_an_image_is_one_item_and_a_shared_video_shows_both(root: Path) -> None:
    corpus = moving_fashion(root, "test")
    assert [item.key for item in corpus.items] == [
        "movingfashion/imgs/red.jpg",
        "movingfashion/imgs/blue.jpg",
    ]
    right = [_keys(corpus, s.right) for s in corpus.shots]
    assert right == [["red.jpg"], ["blue.jpg", "red.jpg"], ["blue.jpg"], ["red.jpg", "blue.jpg"]]


def test_the_galleries_are_the_sources(root: Path) -> None:
    corpus = moving_fashion(root, "test")
    assert {name: _keys(corpus, g) for name, g in corpus.galleries.items()} == {
        "regular": ["red.jpg"],
        "hard": ["blue.jpg"],
    }


def test_there_is_no_text_at_all(root: Path) -> None:
    corpus = moving_fashion(root, "test")
    assert {item.text for item in corpus.items} == {""}
    assert {(s.speech.clean, s.speech.heard) for s in corpus.shots} == {(None, None)}
    assert corpus.sentences == ()


def test_videos_are_decoded_at_one_picture_a_second(root: Path) -> None:
    pictures = moving_fashion(root, "test").shots[1].pictures
    assert len(pictures) == 3
    assert [number(picture()) for picture in pictures] == [1, 2, 3]
    assert [number(picture()) for picture in pictures[1:]] == [2, 3]
    assert number(pictures[-1]()) == 3
    with pytest.raises(IndexError):
        pictures[3]


def test_nothing_is_decoded_before_it_is_asked_for(root: Path) -> None:
    (root / "videos" / "a.avi").write_bytes(b"no video")
    corpus = moving_fashion(root, "test")
    assert isinstance(corpus.shots[0].pictures, VideoPictures)
    with pytest.raises(ClipError, match=r"a\.avi"):
        len(corpus.shots[0].pictures)


def test_a_missing_video_is_lost_loudly_and_still_asked(root: Path) -> None:
    (root / "videos" / "c.avi").unlink()
    with pytest.warns(MissingDataWarning, match=r"1 clips missing: 11/videos/c\.avi"):
        corpus = moving_fashion(root, "test")
    assert [s.key for s in corpus.lost] == ["11/videos/c.avi"]
    assert len(corpus.asked) == 4
    assert corpus.asked[-1].gallery == "hard"


def test_a_list_of_records_is_read_as_well(root: Path) -> None:
    corpus = moving_fashion(_write(root, list(RECORDS.values())), "test")
    assert corpus.shots[0].key == "0/videos/a.avi"


def test_a_missing_image_is_refused_in_the_test_and_left_out_of_training(root: Path) -> None:
    (root / "imgs" / "blue.jpg").unlink()
    with pytest.raises(ClipListError, match=r"1 images of .*imgs/blue\.jpg"):
        moving_fashion(root, "test")
    (root / "test.json").rename(root / "train.json")
    with pytest.warns(MissingDataWarning, match=r"imgs/blue\.jpg"):
        corpus = moving_fashion(root, "train")
    assert [item.key for item in corpus.items] == ["movingfashion/imgs/red.jpg"]


def test_training_on_a_test_video_is_refused(root: Path) -> None:
    shutil.copyfile(root / "videos" / "b.avi", root / "videos" / "renamed.avi")
    own = {"img_path": "imgs/red.jpg", "video_paths": ["videos/renamed.avi"], "source": 1}
    with pytest.raises(ClipListError, match=r"renamed\.avi and .*b\.avi"):
        moving_fashion(_write(root, {"1": own}, "train"), "train")


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"img_path": None}, "record 10 .*img_path"),
        ({"video_paths": []}, "video_paths"),
        ({"video_paths": "videos/a.avi"}, "video_paths"),
        ({"source": 2}, "source is 2"),
        ({"source": True}, "source is True"),
        ({"source": [1]}, "source is"),
    ],
)
def test_a_bad_record_is_named(root: Path, changes: dict[str, Any], said: str) -> None:
    with pytest.raises(ClipListError, match=said):
        moving_fashion(_write(root, {"10": RECORDS["10"] | changes}), "test")


@pytest.mark.parametrize(("text", "said"), [("{\n1", "line 2"), ("3", "neither"), ("[3]", "0")])
def test_a_broken_file_is_named(root: Path, text: str, said: str) -> None:
    (root / "test.json").write_text(text, encoding="utf-8")
    with pytest.raises(ClipListError, match=said):
        moving_fashion(root, "test")
