"""A part is made again if, and only if, what it is made of has changed."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from calibration.assembly.part import PLACE, Part
from calibration.assembly.sources import Sources
from runtime.errors import FeedError
from tests.models.made_up_shop import make_grocery

COPY = """
import pathlib, sys
source, out, log = map(pathlib.Path, sys.argv[1:])
out.mkdir(exist_ok=True)
log.write_text(log.read_text() + "run ")
text = source.read_text()
if text == "broken": sys.exit(7)
(out / "proof").write_text(text)
"""


@pytest.fixture
def part(tmp_path: Path) -> Part:
    """Copies a file; says so in ``log``."""
    source, log = tmp_path / "source", tmp_path / "log"
    source.write_text("one")
    log.write_text("")
    command = [sys.executable, "-c", COPY, str(source), PLACE, str(log)]
    return Part(tmp_path / "made" / "out", "proof", command, Sources([source]))


def _log(part: Part) -> str:
    return Path(part.command[-1]).read_text()


def _source(part: Part) -> Path:
    return Path(part.sources.places[0])


def test_it_is_made_once(part: Part) -> None:
    assert [part.make(), part.make(), part.make()] == [True, False, False]
    assert _log(part) == "run "
    assert (part.out / "proof").read_text() == "one"


def test_another_content_makes_it_again(part: Part) -> None:
    part.make()
    _source(part).write_text("two")
    assert part.make()
    assert (part.out / "proof").read_text() == "two"


def test_another_time_alone_does_not(part: Part) -> None:
    part.make()
    later = os.stat(part.out / "proof").st_mtime + 100
    os.utime(_source(part), (later, later))
    assert not part.make()


def test_it_is_up_to_date_as_of_when_its_sources_were_read(part: Part) -> None:
    """A source that changes during the command is newer than what is made of it."""
    part.make()
    changing = "pathlib.Path(sys.argv[1]).touch()"
    command = [*part.command[:2], f"{COPY}\n{changing}", *part.command[3:]]
    replace(part, command=command).make()
    assert os.stat(part.out / "proof").st_mtime < os.stat(_source(part)).st_mtime


def test_another_command_makes_it_again(part: Part) -> None:
    part.make()
    assert replace(part, command=[*part.command[:2], COPY + "\n", *part.command[3:]]).make()


def test_a_file_more_makes_it_again(part: Part, tmp_path: Path) -> None:
    folder = tmp_path / "pictures"
    folder.mkdir()
    wide = replace(part, sources=Sources([*part.sources.places, folder]))
    wide.make()
    assert not wide.make()
    (folder / "new.png").write_bytes(b"x")
    assert wide.make()
    (folder / "__pycache__").mkdir()
    (folder / "__pycache__" / "a.pyc").write_bytes(b"x")
    assert not wide.make()


@pytest.mark.parametrize("lost", ["out", "key"])
def test_what_was_deleted_is_made_again(part: Part, lost: str) -> None:
    part.make()
    (part.out / "proof" if lost == "out" else part.key_file).unlink()
    assert part.make()
    assert (part.out / "proof").is_file()


def test_a_failure_leaves_what_was_there_and_is_tried_again(part: Part) -> None:
    part.make()
    _source(part).write_text("broken")
    for _ in range(2):
        with pytest.raises(subprocess.CalledProcessError):
            part.make()
        assert (part.out / "proof").read_text() == "one"
    _source(part).write_text("one")
    assert part.make(), "after a failure nobody knows"
    assert _log(part) == "run " * 4


def test_what_a_killed_run_left_is_cleared_away(part: Part) -> None:
    left = part.out.with_name("out.new")
    left.mkdir(parents=True)
    (left / "half").write_text("x")
    part.make()
    assert [p.name for p in part.out.iterdir()] == ["proof"]
    assert sorted(p.name for p in part.out.parent.iterdir()) == ["out", "out.key"]


def test_a_command_that_resumes_works_in_the_folder_itself(part: Part) -> None:
    part = replace(part, resumes=True)
    part.out.mkdir(parents=True)
    (part.out / "measured").write_text("x")
    assert part.make()
    assert sorted(p.name for p in part.out.iterdir()) == ["measured", "proof"]


def test_a_proof_that_the_command_does_not_write_says_that_it_succeeded(part: Part) -> None:
    part = replace(part, proof="passed", resumes=True)
    _source(part).write_text("broken")
    with pytest.raises(subprocess.CalledProcessError):
        part.make()
    assert not (part.out / "passed").exists()
    _source(part).write_text("two")
    assert [part.make(), part.make()] == [True, False]
    assert sorted(p.name for p in part.out.iterdir()) == ["passed", "proof"]
    _source(part).write_text("broken")
    with pytest.raises(subprocess.CalledProcessError):
        part.make()
    assert [p.name for p in part.out.iterdir()] == ["proof"]


def test_the_files_read_are_listed_for_make(part: Part, tmp_path: Path) -> None:
    odd = tmp_path / "a b" / "c$d#e"
    odd.parent.mkdir()
    odd.write_text("x")
    listing = tmp_path / "list.d"
    wide = replace(part, sources=Sources([*part.sources.places, odd]))
    for _ in range(2):
        wide.make(listing)
        target, _, files = listing.read_text().partition(": ")
        assert target == str(part.out / "proof")
        assert files.split() == [*f"{tmp_path}/a\\ b/c$$d\\#e".split(), str(_source(part))]
        listing.unlink()


def test_files_of_parts_before_count_and_are_not_listed(part: Part, tmp_path: Path) -> None:
    """Their names may be others next time, and Makefiles would miss those of before for ever."""
    before, listing = tmp_path / "before", tmp_path / "list.d"
    before.mkdir()
    (before / "int8.onnx").write_text("one")
    later = replace(part, sources=Sources(part.sources.places, parts=[before]))
    assert [later.make(listing), later.make(listing)] == [True, False]
    assert "int8.onnx" not in listing.read_text()
    (before / "int8.onnx").write_text("two")
    assert later.make(listing)
    (before / "int8.onnx").rename(before / "fp16.onnx")
    assert later.make(listing)


def test_a_file_that_is_missing_is_left_to_the_command_to_tell(part: Part) -> None:
    """What it is made of is another thing without it, and again with it."""
    part.make()
    other = part.out.with_name("other")
    wide = replace(part, sources=Sources([*part.sources.places, other]))
    assert [wide.make(), wide.make()] == [True, False]
    other.write_text("there")
    assert wide.make()


def test_feeds_clips_and_lists_bring_their_pictures(tmp_path: Path) -> None:
    shop = make_grocery(tmp_path / "shop")
    feed, clips, splits = (
        shop / "dev" / n for n in ("catalog.csv", "clips_val.jsonl", "splits.csv")
    )
    of_feed = Sources(feeds=[feed]).files()
    assert feed in of_feed
    assert shop / "dev" / "catalog" / "plum.png" in of_feed
    of_clips = Sources(clips=clips, root=shop).files()
    assert clips in of_clips
    assert any("images/val" in str(file) for file in of_clips)
    assert all(file.is_file() for file in of_clips)
    of_list = Sources(enrol=splits).files()
    assert splits in of_list
    assert any("images/train" in str(file) for file in of_list)


def test_a_feed_that_is_broken_is_named(part: Part, tmp_path: Path) -> None:
    feed = tmp_path / "feed.csv"
    feed.write_text("id,title\n")
    with pytest.raises(FeedError):
        replace(part, sources=Sources(feeds=[feed])).make()
    assert not part.out.exists()
