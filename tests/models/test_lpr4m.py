"""LPR4M in its published format."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from models.data.corpus import Corpus, Shot
from models.data.downloads import MissingDataWarning, find_pictures
from models.data.lpr4m import Lpr4m
from runtime.errors import ClipListError
from tests.models.made_up_lpr4m import (
    CLIP_1,
    CLIP_2,
    CLIP_3,
    ROOM_A,
    ROOM_B,
    make_test,
    paint,
    right,
    row,
    shelves,
    write,
    write_train,
)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    made = write_train(
        tmp_path,
        row(),
        row(CLIP_2, scale="large", asr=""),
        row(CLIP_3, image_id="green", title="", category_id=""),
    )
    for clip in (CLIP_1, CLIP_2, CLIP_3):
        paint(made / "frames" / f"{clip}-0001.jpg", "red")
        paint(made / "frames" / f"{clip}-0002.jpg", "blue")
    return made


def _test(root: Path) -> Corpus:
    with pytest.warns(MissingDataWarning, match=f"1 clips missing: {CLIP_3}"):
        return Lpr4m(root).test()


def _shot(corpus: Corpus, key: str) -> Shot:
    return next(shot for shot in corpus.asked if shot.key == key)


def _keys(corpus: Corpus, items: tuple[int, ...]) -> list[str]:
    return [corpus.items[i].key for i in items]


def test_a_training_row_becomes_a_shot_of_its_image(root: Path) -> None:
    corpus = Lpr4m(root).train()
    assert [item.key for item in corpus.items] == ["lpr4m/red", "lpr4m/green"]
    red = corpus.items[0]
    assert (red.title, red.kind, red.group) == ("Red bag", "bags", "lpr4m/7")
    first = corpus.shots[0]
    assert (first.key, first.item, first.domain, first.split) == (CLIP_1, 0, "bags", "train")
    assert first.speech.heard == "look at this bag"
    assert dict(first.conditions) == {"scale": "small", "duration": "long", "number": "multiple"}
    assert corpus.sentences == ((0, "look at this bag"), (1, "look at this bag"))


def test_clips_of_one_image_share_their_item(root: Path) -> None:
    corpus = Lpr4m(root).train()
    assert [shot.right for shot in corpus.shots] == [(0,), (0,), (1,)]
    assert corpus.shown == {0: (0, 1), 1: (2,)}


def test_frames_that_are_there_are_shown_in_order_with_their_seconds(root: Path) -> None:
    shot = Lpr4m(root).train().shots[0]
    assert shot.times_s == (0.0, 1.0)
    assert [picture().reshape(-1, 3).argmax(1)[0] for picture in shot.pictures] == [2, 0]


def test_a_clip_without_frames_is_lost_loudly(root: Path) -> None:
    for index in (1, 2):
        (root / "frames" / f"{CLIP_2}-000{index}.jpg").unlink()
    with pytest.warns(MissingDataWarning, match=CLIP_2):
        corpus = Lpr4m(root).train()
    assert [shot.key for shot in corpus.shots] == [CLIP_1, CLIP_3]
    assert [shot.key for shot in corpus.lost] == [CLIP_2]


def test_a_clip_whose_image_is_missing_is_left_out_loudly(root: Path) -> None:
    (root / "images" / "green.jpg").unlink()
    with pytest.warns(MissingDataWarning, match="shop images missing: green"):
        corpus = Lpr4m(root).train()
    assert [shot.key for shot in corpus.asked] == [CLIP_1, CLIP_2]


def test_training_on_moments_of_a_test_clip_is_refused(root: Path) -> None:
    around = {f"{ROOM_B}-31000-32000": ["red"], f"{ROOM_B}-0-1000": ["red"]}
    write(root, "test_videoid_to_gtimage.json", around)
    Lpr4m(root).train()
    write(root, "test_videoid_to_gtimage.json", {f"{ROOM_B}-30999-32000": ["red"]})
    with pytest.raises(ClipListError, match=rf"line 3 .*{CLIP_3} overlaps with a test clip"):
        Lpr4m(root).train()


def test_limit_reads_the_first_rows_only(root: Path) -> None:
    with (root / "training_videoinfo_full_part_00.txt").open("a") as file:
        file.write("no row at all\n")
    assert len(Lpr4m(root).train(limit=3).shots) == 3
    assert Lpr4m(root).train(limit=1).digest != Lpr4m(root).train(limit=2).digest


def test_parts_are_read_one_after_the_other(root: Path) -> None:
    clip = "room-5-9"
    paint(root / "frames" / f"{clip}-0001.jpg", "red")
    (root / "training_videoinfo_full_part_01.txt").write_text(row(clip), encoding="utf-8")
    assert [s.key for s in Lpr4m(root).train().shots] == [CLIP_1, CLIP_2, CLIP_3, clip]


@pytest.mark.parametrize(
    "listed",
    [f"['{CLIP_1}-0001', '{CLIP_1}-0002']", f"{CLIP_1}-0002,{CLIP_1}-0001", "0001 0002"],
)
def test_frame_lists_of_other_spellings(root: Path, listed: str) -> None:
    write_train(root, row(frames=listed))
    (shot,) = Lpr4m(root).train().shots
    assert (len(shot.pictures), shot.times_s) == (2, (0.0, 1.0))


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("a\tb", "2 tab separated columns, not 11"),
        (row() + "\tmore", "12 tab separated columns"),
        (row("no-clip"), "not live_id-start-end"),
        (row("room-9-5"), "start before end"),
        (row(image_id=""), "image_id is empty"),
        (row(frames="[]"), "has no frames"),
        (row(frames=json.dumps([f"{CLIP_2}-0001"])), "is not a frame of"),
        (row(CLIP_3), "occurs twice"),
    ],
)
def test_a_bad_training_row_is_named_with_file_and_line(root: Path, line: str, why: str) -> None:
    write_train(root, row(CLIP_3), "", line)
    with pytest.raises(ClipListError, match=rf"part_00\.txt, line 3 .*{why}"):
        Lpr4m(root).train()


def test_a_file_that_is_not_utf8_is_named(root: Path) -> None:
    (root / "training_videoinfo_full_part_00.txt").write_bytes(row().encode() + b"\xff\n")
    with pytest.raises(ClipListError, match=r"part_00\.txt: .*utf-8"):
        Lpr4m(root).train()


def test_test_clips_are_searched_in_the_shelf_of_their_room(tmp_path: Path) -> None:
    corpus = _test(make_test(tmp_path))
    first, second = corpus.shots
    assert _keys(corpus, corpus.shelf(first)) == ["lpr4m/red", "lpr4m/green", "lpr4m/blue"]
    assert (first.gallery, corpus.lost[0].gallery) == (ROOM_A, ROOM_B)
    assert _keys(corpus, corpus.shelf(corpus.lost[0])) == ["lpr4m/grey", "lpr4m/red"]
    assert _keys(corpus, first.right) == ["lpr4m/red"]
    assert _keys(corpus, second.right) == ["lpr4m/green", "lpr4m/blue"]
    assert {shot.split for shot in corpus.asked} == {"test"}


def test_test_frames_come_in_order_of_their_index(tmp_path: Path) -> None:
    root = make_test(tmp_path)
    paint(root / "frames" / f"{CLIP_1}-5.jpg", "green")
    shot = _shot(_test(root), CLIP_1)
    assert [p().reshape(-1, 3).argmax(1)[0] for p in shot.pictures] == [2, 2, 1, 2]


def test_titles_and_speech_may_be_missing(tmp_path: Path) -> None:
    corpus = _test(make_test(tmp_path))
    assert [item.text for item in corpus.items] == ["Red bag.", "", "", ""]
    assert _shot(corpus, CLIP_1).speech.heard == "a red\tbag"
    assert _shot(corpus, CLIP_2).speech.heard is None
    assert _shot(corpus, CLIP_3).speech.heard is None


def test_types_of_test_clips_are_read_where_there_are_any(tmp_path: Path) -> None:
    root = make_test(tmp_path)
    assert not _shot(_test(root), CLIP_1).conditions
    (root / "test_videoid_types.txt").write_text(f"{CLIP_1}\tsmall\tlong\tsingle\n")
    assert _shot(_test(root), CLIP_1).conditions["number"] == "single"


def test_a_right_image_on_no_shelf_is_an_item_that_cannot_be_found(tmp_path: Path) -> None:
    root = make_test(tmp_path)
    write(root, "test_videoid_to_gtimage_20079.json", right() | {CLIP_1: ["sold-out"]})
    corpus = _test(root)
    shot = _shot(corpus, CLIP_1)
    assert _keys(corpus, shot.right) == ["lpr4m/sold-out"]
    assert shot.item not in corpus.shelf(shot)


def test_a_shelf_with_a_missing_image_is_refused(tmp_path: Path) -> None:
    root = make_test(tmp_path)
    (root / "images" / "blue.jpg").unlink()
    with pytest.raises(ClipListError, match=r"test_liveid_to_gallery_110\.json.*the first is blue"):
        Lpr4m(root).test()


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("test_videoid_to_gtimage_20079.json", {CLIP_1: []}, f"record {CLIP_1}.*empty"),
        ("test_videoid_to_gtimage_20079.json", {CLIP_1: "red"}, "not a list of ids"),
        ("test_videoid_to_gtimage_20079.json", ["red"], "object of lists"),
        ("test_videoid_to_gtimage_20079.json", {"room-1-2": ["red"]}, "no live room"),
        ("test_videoid_to_gtimage_20079.json", {"clip": ["red"]}, "not live_id-start-end"),
        ("test_liveid_to_gallery_110.json", {ROOM_A: [1]}, f"record {ROOM_A}.*not a list of ids"),
    ],
)
def test_a_bad_record_is_named(tmp_path: Path, name: str, value: object, said: str) -> None:
    root = make_test(tmp_path)
    write(root, name, value)
    with pytest.raises(ClipListError, match=said):
        Lpr4m(root).test()


def test_broken_json_and_lines_are_named_with_their_line(tmp_path: Path) -> None:
    root = make_test(tmp_path)
    (root / "test_image_title_6076.txt").write_text("red\tBag\n\nblue\n", encoding="utf-8")
    with pytest.raises(ClipListError, match=r"test_image_title_6076\.txt, line 3"):
        Lpr4m(root).test()
    (root / "test_image_title_6076.txt").write_text("red\tBag\nred\tBag\n", encoding="utf-8")
    with pytest.raises(ClipListError, match=r"line 2 .*red occurs twice"):
        Lpr4m(root).test()
    (root / "test_liveid_to_gallery_110.json").write_text("{\n'a'", encoding="utf-8")
    with pytest.raises(ClipListError, match=r"line 2 .*not JSON"):
        Lpr4m(root).test()


def test_missing_and_doubled_files_are_named(tmp_path: Path) -> None:
    root = make_test(tmp_path)
    write(root, "test_liveid_to_gallery_2.json", shelves())
    with pytest.raises(ClipListError, match="2 files test_liveid_to_gallery"):
        Lpr4m(root).test()
    (root / "test_liveid_to_gallery_2.json").unlink()
    (root / "test_videoid_asr_20079.txt").unlink()
    with pytest.raises(ClipListError, match=r"no test_videoid_asr\*\.txt"):
        Lpr4m(root).test()


def test_numbered_downloads_are_found_by_their_side_cars(tmp_path: Path) -> None:
    shard = tmp_path / "00000"
    paint(shard / "000000001.jpg", "red")
    url = f"https://example.com/some/{CLIP_1}-0081.jpg"
    (shard / "000000001.json").write_text(json.dumps({"url": url}), encoding="utf-8")
    paint(tmp_path / "plain.jpg", "red")
    assert find_pictures(tmp_path) == {
        f"{CLIP_1}-0081": shard / "000000001.jpg",
        "plain": tmp_path / "plain.jpg",
    }


def test_a_damaged_side_car_or_a_second_picture_is_an_error(tmp_path: Path) -> None:
    paint(tmp_path / "1.jpg", "red")
    (tmp_path / "1.json").write_text("{}", encoding="utf-8")
    with pytest.raises(ClipListError, match=r"1\.json beside it has no url"):
        find_pictures(tmp_path)
    (tmp_path / "1.json").unlink()
    paint(tmp_path / "more" / "1.jpg", "red")
    with pytest.raises(ClipListError, match="picture 1 is there twice"):
        find_pictures(tmp_path)
    with pytest.raises(ClipListError, match="no folder"):
        find_pictures(tmp_path / "none")
