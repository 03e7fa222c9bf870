"""Calibration samples."""

from __future__ import annotations

import os
from pathlib import Path

import cv2
import numpy as np
import pytest
from click.testing import CliRunner

from calibration.commands import quantize
from calibration.samples import draw_samples
from export.samples import Samples
from runtime.bundle.contents import check_files
from runtime.bundle.manifest import Manifest
from runtime.errors import ClipError, FeedError, SgmnError, UsageError
from tests.export.conftest import Exported
from tests.models.made_up_shop import PRODUCTS, make_grocery


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return make_grocery(tmp_path / "data")


def _drawn(root: Path, *, count: int = 8, seed: int = 0) -> Samples:
    photos = root / "dev" / "images" / "train"
    feed = root / "dev" / "catalog.csv"
    return draw_samples(feeds=[feed], pictures=[photos], clips=[], count=count, seed=seed)


def test_sources_are_drawn_from_evenly(root: Path) -> None:
    samples = _drawn(root, count=6)
    assert [picture.shape for picture in samples.shop_images] == [(96, 96, 3)] * 3
    assert [picture.shape for picture in samples.pictures] == [(90, 120, 3)] * 3
    assert len(samples.texts) == len(PRODUCTS)
    assert any(text.startswith("Red Milk. Fresh") for text in samples.texts)


@pytest.mark.parametrize("count", [3, 5, 50])
def test_never_more_pictures_than_asked_for(root: Path, count: int) -> None:
    samples = _drawn(root, count=count)
    found = len(samples.pictures) + len(samples.shop_images)
    assert found == min(count, len(PRODUCTS) + 9)


def test_folders_get_even_shares_as_far_as_they_go(root: Path, tmp_path: Path) -> None:
    for name, grey, number in (("many", 10, 40), ("few", 200, 2), ("some", 100, 9)):
        (tmp_path / "photos" / name).mkdir(parents=True)
        for i in range(number):
            picture = np.full((8, 8, 3), grey, np.uint8)
            cv2.imwrite(str(tmp_path / "photos" / name / f"{i}.png"), picture)
    samples = draw_samples(
        feeds=[root / "dev" / "catalog.csv"],
        pictures=[tmp_path / "photos"],
        clips=[],
        count=4 + 14,
        seed=0,
    )
    greys = [int(picture[0, 0, 0]) for picture in samples.pictures]
    assert [greys.count(grey) for grey in (200, 10, 100)] == [2, 6, 6]


def test_without_other_pictures_the_shops_own_are_seen(root: Path) -> None:
    feed = root / "dev" / "catalog.csv"
    samples = draw_samples(feeds=[feed], pictures=[], clips=[], count=3, seed=0)
    assert len(samples.shop_images) == 3
    assert samples.pictures == samples.shop_images


def test_the_seed_decides_the_draw(root: Path) -> None:
    one, two, other = _drawn(root), _drawn(root), _drawn(root, seed=1)
    assert one.texts == two.texts
    assert all(map(np.array_equal, one.pictures, two.pictures))
    assert not all(map(np.array_equal, one.pictures, other.pictures))


@pytest.mark.parametrize("rows", [0, 1])
def test_too_little_is_refused(root: Path, rows: int) -> None:
    feed = root / "dev" / "catalog.csv"
    lines = feed.read_text(encoding="utf-8").splitlines()[: rows + 1]
    feed.write_text("\n".join(lines) + "\n", encoding="utf-8")
    with pytest.raises(SgmnError) as caught:
        draw_samples(feeds=[feed], pictures=[], clips=[], count=8, seed=0)
    assert caught.value.why
    assert caught.value.fix


@pytest.mark.parametrize("place", ["nowhere", "empty"])
def test_a_folder_without_pictures_is_named(root: Path, place: str) -> None:
    feed, photos = root / "dev" / "catalog.csv", root / "dev" / "images" / "train"
    (root / "empty").mkdir()
    with pytest.raises(UsageError, match=rf"there are no pictures in .*{place}"):
        draw_samples(feeds=[feed], pictures=[photos, root / place], clips=[], count=8, seed=0)


@pytest.mark.parametrize("kind", ["link", "pipe"])
def test_what_is_no_file_among_pictures_is_named(root: Path, tmp_path: Path, kind: str) -> None:
    feed, photos = root / "dev" / "catalog.csv", tmp_path / "photos"
    (photos / "folder.png").mkdir(parents=True)  # searched, like any folder
    cv2.imwrite(str(photos / "folder.png" / "good.png"), np.zeros((9, 9, 3), np.uint8))
    odd = photos / "odd.png"
    odd.symlink_to("nowhere") if kind == "link" else os.mkfifo(odd)
    with pytest.raises(FeedError, match=r"odd\.png cannot be read"):
        draw_samples(feeds=[feed], pictures=[photos], clips=[], count=8, seed=0)
    odd.unlink()
    assert draw_samples(feeds=[feed], pictures=[photos], clips=[], count=8, seed=0).pictures


def test_a_clip_that_is_not_there_is_named(root: Path) -> None:
    feed = root / "dev" / "catalog.csv"
    with pytest.raises(ClipError):
        draw_samples(feeds=[feed], pictures=[], clips=[root / "none.mp4"], count=8, seed=0)


def test_a_corrupt_picture_is_named_and_nothing_written(
    exported: Exported, root: Path, tmp_path: Path
) -> None:
    photos = tmp_path / "photos"
    photos.mkdir()
    cv2.imwrite(str(photos / "good.png"), np.zeros((9, 9, 3), np.uint8))
    whole = (photos / "good.png").read_bytes()
    (photos / "bad.png").write_bytes(whole[: len(whole) // 2])
    out = tmp_path / "out"
    arguments = [
        str(exported.bundle),
        "--feed",
        str(root / "dev" / "catalog.csv"),
        "--pictures",
        str(photos),
    ]
    answer = CliRunner().invoke(quantize, [*arguments, "--out", str(out)])
    assert isinstance(answer.exception, FeedError)
    assert str(photos / "bad.png") in answer.exception.what
    assert not out.exists()


def test_the_source_is_verified_once(
    exported: Exported, root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    verified: list[Path] = []

    def noted(folder: Path, manifest: Manifest) -> None:
        verified.append(folder)
        check_files(folder, manifest)

    monkeypatch.setattr("runtime.bundle.reader.check_files", noted)
    feed = str(root / "dev" / "catalog.csv")
    arguments = [str(exported.bundle), "--feed", feed, "--out", str(tmp_path / "out")]
    assert CliRunner().invoke(quantize, arguments).exit_code == 0
    assert verified.count(exported.bundle) == 1


@pytest.mark.parametrize("option", [["--count", "1"], ["--count", "-3"], ["--seed", "-1"]])
def test_impossible_numbers_are_a_wrong_command_line(tmp_path: Path, option: list[str]) -> None:
    arguments = ["b", "--feed", "f", "--out", str(tmp_path / "out"), *option]
    assert CliRunner().invoke(quantize, arguments).exit_code == 2
