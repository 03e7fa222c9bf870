from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from runtime.catalog.snapshot import open_snapshot, remove_all_but, write_snapshot
from runtime.errors import CatalogError

ITEMS = np.arange(6, dtype=np.float32).reshape(3, 2)
NODES = np.arange(24, dtype=np.float32).reshape(3, 2, 4)


def test_it_comes_back_memory_mapped(tmp_path: Path) -> None:
    written = write_snapshot(tmp_path / "s", ["a", "b", "c"], ITEMS, NODES)
    read = open_snapshot(tmp_path / "s", written.name)
    assert isinstance(read.items, np.memmap)
    assert isinstance(read.nodes, np.memmap)
    assert read.ids == ("a", "b", "c")
    np.testing.assert_array_equal(read.items, ITEMS)
    np.testing.assert_array_equal(read.nodes, NODES)
    assert not read.items.flags.writeable


def test_only_whole_snapshots_lie_in_the_folder(tmp_path: Path) -> None:
    name = write_snapshot(tmp_path, ["a", "b", "c"], ITEMS, NODES).name
    assert [p.name for p in tmp_path.iterdir()] == [name]
    assert sorted(p.name for p in (tmp_path / name).iterdir()) == [
        "ids.json",
        "items.npy",
        "nodes.npy",
    ]


def test_the_name_depends_on_ids_shapes_and_values(tmp_path: Path) -> None:
    abc = ["a", "b", "c"]
    names = [
        write_snapshot(tmp_path, abc, ITEMS, NODES).name,
        write_snapshot(tmp_path, ["a", "b", "d"], ITEMS, NODES).name,
        write_snapshot(tmp_path, abc, ITEMS + 1, NODES).name,
        write_snapshot(tmp_path, abc, ITEMS, NODES.reshape(3, 4, 2)).name,
    ]
    assert len(set(names)) == 4
    assert write_snapshot(tmp_path, abc, ITEMS, NODES).name == names[0]


@pytest.mark.parametrize("part", ["ids.json", "items.npy", "nodes.npy"])
@pytest.mark.parametrize("place", [0, 0.5, 1])
def test_a_flipped_byte_is_found_and_written_over(tmp_path: Path, part: str, place: float) -> None:
    name = write_snapshot(tmp_path, ["a", "b", "c"], ITEMS, NODES).name
    path = tmp_path / name / part
    data = bytearray(path.read_bytes())
    data[int(place * (len(data) - 1))] ^= 1
    path.write_bytes(data)
    with pytest.raises(CatalogError, match="digest"):
        open_snapshot(tmp_path, name)
    write_snapshot(tmp_path, ["a", "b", "c"], ITEMS, NODES)
    open_snapshot(tmp_path, name)


def test_a_missing_snapshot(tmp_path: Path) -> None:
    with pytest.raises(CatalogError, match="missing"):
        open_snapshot(tmp_path, "0" * 64)


def test_an_empty_one_can_be_read(tmp_path: Path) -> None:
    empty = np.zeros((0, 0), np.float32), np.zeros((0, 0, 0), np.float32)
    assert len(write_snapshot(tmp_path, [], *empty).items) == 0


def test_others_are_removed_with_what_killed_writers_left(tmp_path: Path) -> None:
    name = write_snapshot(tmp_path, ["a", "b", "c"], ITEMS, NODES).name
    write_snapshot(tmp_path, ["a", "b", "d"], ITEMS, NODES)
    (tmp_path / ".unfinished-1").mkdir()
    remove_all_but(tmp_path, {name})
    assert [p.name for p in tmp_path.iterdir()] == [name]
