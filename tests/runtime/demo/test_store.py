from __future__ import annotations

import json
from pathlib import Path

import pytest

from runtime.catalog.feed import read_feed
from runtime.demo.store import Store, open_store
from runtime.errors import ClipListError


def write_store(folder: Path, *lines: str) -> Path:
    (folder / "clips").mkdir()
    (folder / "catalog.csv").write_text("id\n")
    (folder / "clips" / "01.mp4").write_bytes(b"x")
    (folder / "clips.jsonl").write_text("\n".join(lines))
    return folder


def test_the_bundled_store_is_whole(store: Store) -> None:
    products = {row.item.id for row in read_feed(store.feed)}
    assert len(store.clips) >= 6
    assert {clip.expected for clip in store.clips} <= products


def test_the_narration_does_not_reach_the_program(tmp_path: Path) -> None:
    line = {"clip": "clips/01.mp4", "expected": "sto-000", "narration": "salted crisps"}
    store = open_store(write_store(tmp_path, json.dumps(line), ""))
    assert [(clip.name, clip.expected) for clip in store.clips] == [("clips/01.mp4", "sto-000")]
    assert "salted" not in repr(store)


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("", "empty"),
        ("{", "no clip"),
        ("[]", "no clip"),
        ('{"clip": "clips/01.mp4"}', "expected"),
        ('{"clip": "clips/02.mp4", "expected": "a"}', "no file"),
    ],
)
def test_a_damaged_store_is_a_clear_error(tmp_path: Path, line: str, why: str) -> None:
    with pytest.raises(ClipListError, match=why):
        open_store(write_store(tmp_path, line))


def test_a_missing_store_is_a_clear_error(tmp_path: Path) -> None:
    with pytest.raises(ClipListError, match=r"catalog\.csv is missing"):
        open_store(tmp_path)
    (tmp_path / "catalog.csv").write_text("id\n")
    with pytest.raises(ClipListError, match="cannot be read"):
        open_store(tmp_path)
