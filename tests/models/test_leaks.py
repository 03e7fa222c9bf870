"""No picture of a held-out clip is trained on."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from models.data import sources
from models.data.leaks import check_apart
from runtime.errors import ClipListError
from tests.models.made_up_shop import make_grocery, photo_path


def _file(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path


def test_equal_content_is_found_under_any_name(tmp_path: Path) -> None:
    ours = [_file(tmp_path / "a.jpg", b"one"), _file(tmp_path / "b.jpg", b"two")]
    theirs = [_file(tmp_path / "c.jpg", b"six"), _file(tmp_path / "d.png", b"two")]
    with pytest.raises(ClipListError, match=r"1 training file also.*b\.jpg and .*d\.png"):
        check_apart(ours, theirs)
    check_apart(ours, theirs[:1])


def test_one_of_several_files_of_one_size_is_found(tmp_path: Path) -> None:
    ours = [_file(tmp_path / f"{n}.jpg", bytes([n]) * 9) for n in range(6)]
    theirs = [_file(tmp_path / f"v{n}.jpg", bytes([n]) * 9) for n in (9, 4, 8)]
    with pytest.raises(ClipListError, match=r"4\.jpg and .*v4\.jpg"):
        check_apart(ours, theirs)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ClipListError, match=r"gone\.jpg"):
        check_apart([tmp_path / "gone.jpg"], [])


def test_the_same_file_in_both_is_a_leak(tmp_path: Path) -> None:
    both = _file(tmp_path / "a.jpg", b"one")
    with pytest.raises(ClipListError, match="same content"):
        check_apart([both], [both])


def test_training_refuses_a_renamed_photo_of_a_validation_clip(tmp_path: Path) -> None:
    root = make_grocery(tmp_path)
    sources.grocery(root)
    held = root / "dev" / photo_path("val", "pear", 1)
    shutil.copyfile(held, root / "dev" / photo_path("train", "pear", 0))
    with pytest.raises(ClipListError, match=r"train/pear_0\.png and .*val/pear_1\.png"):
        sources.grocery(root)


def test_photos_beside_and_behind_the_product_count_as_well(tmp_path: Path) -> None:
    root = make_grocery(tmp_path)
    clips = root / "dev" / "clips_val.jsonl"
    shared = f"dev/{photo_path('train', 'pear', 0)}"
    side = f'"side": {{"src": "{shared}", "where": "left", "frac": 0.4}}, "jpeg": 40'
    clips.write_text(clips.read_text().replace('"jpeg": 40', side, 1), encoding="utf-8")
    with pytest.raises(ClipListError, match=r"pear_0\.png"):
        sources.grocery(root)


def test_photos_of_the_validation_split_count_without_clips(tmp_path: Path) -> None:
    root = make_grocery(tmp_path)
    (root / "dev" / "clips_val.jsonl").unlink()
    sources.grocery(root)
    held = root / "dev" / photo_path("val", "plum", 2)
    shutil.copyfile(held, root / "dev" / photo_path("train", "pear", 0))
    with pytest.raises(ClipListError, match=r"plum_2\.png"):
        sources.grocery(root)


def test_the_real_data_has_no_leak(assets: Path) -> None:
    corpus = sources.grocery(assets / "data" / "grocery_lpr", staged=0)
    assert len(corpus.items) == 81
    assert sum(len(shot.pictures) for shot in corpus.shots if shot.source == "photo") == 1978
