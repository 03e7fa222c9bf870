"""``sgmn evaluate --format`` from published files to figures."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner, Result

from models.commands import evaluate
from models.data.corpus import Corpus, CorpusItem
from models.evaluation.protocols.asking import ItemShelf, encode_items
from runtime.bundle.shipped import shipped_bundle
from runtime.catalog.catalog import CatalogReader
from runtime.catalog.sqlite_catalog import SqliteCatalog
from runtime.errors import ClipListError, UsageError
from tests.models.evaluation.conftest import ColourNetwork
from tests.models.made_up_bank import quiet
from tests.models.made_up_lpr4m import CLIP_1, CLIP_2, CLIP_3, COLOURS, make_test, paint
from tests.runtime.capture.media import write_clip


def _run(data: str, root: Path, *options: str) -> Result:
    arguments = ["--format", data, "--root", str(root), *options]
    return CliRunner().invoke(evaluate, arguments, catch_exceptions=False)


def _json(data: str, root: Path, *options: str) -> Any:
    return json.loads(_run(data, root, *options, "--json").stdout)


@pytest.mark.usefixtures("colour_network")
def test_lpr4m_clips_are_answered_on_the_shelf_of_their_room(tmp_path: Path) -> None:
    # Clip 1 shows red and red is right; clip 2 shows green, which is right; clip 3 has no frames.
    found = _json("lpr4m", make_test(tmp_path))
    everything = found["recall"]["shelf"]["all"]
    assert (everything["queries"], everything["failed"]) == (3, 1)
    assert everything["r1"]["value"] == pytest.approx(2 / 3, abs=1e-4)
    assert everything["gallery"] == round((3 + 3 + 2) / 3, 1)
    assert list(found["failures"]["shelf"]) == [CLIP_3]


@pytest.mark.usefixtures("colour_network")
def test_lpr4m_answers_hold_the_shelf_and_nothing_else(tmp_path: Path) -> None:
    out = tmp_path / "out.jsonl"
    _run("lpr4m", make_test(tmp_path / "data"), "--predictions", str(out))
    lines = {line["clip_id"]: line for line in map(json.loads, out.read_text().splitlines())}
    assert set(lines) == {CLIP_1, CLIP_2}
    assert set(lines[CLIP_1]["ranked"]) == {"lpr4m/red", "lpr4m/green", "lpr4m/blue"}
    assert lines[CLIP_1]["ranked"][0] == "lpr4m/red"
    assert lines[CLIP_1]["scores"] == sorted(lines[CLIP_1]["scores"], reverse=True)


@pytest.mark.usefixtures("colour_network")
def test_words_are_asked_with_the_pictures(tmp_path: Path) -> None:
    # The frames are grey, which is not on the shelf and near to every colour; the word is red.
    root = make_test(tmp_path)
    for frame in (root / "frames").glob(f"{CLIP_1}-*"):
        paint(frame, "grey")
    (root / "test_videoid_asr_20079.txt").write_text(f"{CLIP_1}\tred\n", encoding="utf-8")
    out = tmp_path / "out.jsonl"
    _run("lpr4m", root, "--predictions", str(out))
    first = next(x for x in map(json.loads, out.read_text().splitlines()) if x["clip_id"] == CLIP_1)
    assert first["ranked"][0] == "lpr4m/red"


@pytest.mark.usefixtures("colour_network")
def test_a_frame_that_cannot_be_read_is_a_failure_with_its_reason(tmp_path: Path) -> None:
    root = make_test(tmp_path)
    (root / "frames" / f"{CLIP_2}-0000.jpg").write_bytes(b"no picture")
    found = _json("lpr4m", root)
    assert found["recall"]["shelf"]["all"]["failed"] == 2
    assert "cannot read the picture" in found["failures"]["shelf"][CLIP_2]


@pytest.fixture
def fashion(tmp_path: Path) -> Path:
    """A regular red and a hard green garment; the video of a third, regular and blue, is gone."""
    records = []
    for colour, source in (("red", 1), ("green", 0), ("blue", 1)):
        paint(tmp_path / f"{colour}.jpg", colour)
        video = f"{colour}.avi"
        records.append({"img_path": f"{colour}.jpg", "video_paths": [video], "source": source})
        if colour != "blue":
            shown = "blue" if colour == "green" else colour
            frame = np.full((16, 16, 3), COLOURS[shown], np.uint8)
            write_clip(tmp_path / video, [frame] * 8, fps=4)
    (tmp_path / "test.json").write_text(json.dumps(records), encoding="utf-8")
    return tmp_path


@pytest.mark.usefixtures("colour_network")
def test_moving_fashion_is_searched_in_both_scopes(fashion: Path) -> None:
    # The green garment's video looks blue. Among hard images green is alone, hence first; among all
    # blue comes first. Red is found in both; the missing video is a miss in both.
    found = _json("movingfashion", fashion)
    inner, outer = found["recall"]["innersource"], found["recall"]["allsource"]
    assert [inner[g]["r1"]["value"] for g in ("all", "regular", "hard")] == [0.6667, 0.5, 1.0]
    assert [outer[g]["r1"]["value"] for g in ("all", "regular", "hard")] == [0.3333, 0.5, 0.0]
    assert inner["all"]["queries"] == outer["all"]["queries"] == 3
    assert set(found["failures"]["allsource"]) == {"2/blue.avi"}


@pytest.mark.usefixtures("colour_network")
def test_the_table_says_how_it_counts_and_what_failed(fashion: Path) -> None:
    result = _run("movingfashion", fashion)
    for said in ("innersource", "allsource", "failures are misses", "R@20", "2/blue.avi"):
        assert said in result.stdout
    assert "1 clips missing" in result.stderr
    assert "no published figure" not in result.stdout
    assert "no published figure" in _run("movingfashion", fashion, "--limit", "1").stdout


@pytest.mark.usefixtures("colour_network")
def test_limit_counts_the_first_queries_only(fashion: Path) -> None:
    found = _json("movingfashion", fashion, "--limit", "1")
    assert found["recall"]["innersource"]["all"]["queries"] == 1


def test_without_data_the_command_says_what_is_missing(tmp_path: Path) -> None:
    with pytest.raises(ClipListError, match="test_videoid_to_gtimage"):
        _run("lpr4m", tmp_path)
    with pytest.raises(UsageError, match="--clips or --catalog is missing"):
        _run("grocery", tmp_path)


def _corpus() -> Corpus:
    def painted(colour: str) -> Any:
        return lambda: np.full((9, 9, 3), COLOURS[colour], np.uint8)

    names = ("red", "green", "blue", "grey")
    return Corpus(tuple(CorpusItem(n, n, "", "", "", painted(n)) for n in names), (), (), "")


def test_a_shelf_searches_as_a_catalog_does(tmp_path: Path) -> None:
    corpus, network = _corpus(), ColourNetwork()
    encoded = encode_items(network, corpus, quiet)  # type: ignore[arg-type]
    shelf = ItemShelf(corpus, encoded, (3, 0, 2))
    assert isinstance(shelf, CatalogReader)
    assert [item.id for item in shelf.items()] == ["blue", "grey", "red"]
    hits = shelf.search(np.array([1, 0, 0], np.float32), 2)
    assert [hit.item.id for hit in hits] == ["red", "grey"]
    vectors, _ = shelf.vectors([hit.row for hit in hits])
    assert vectors[:, :3] @ np.array([1, 0, 0]) == pytest.approx([hit.score for hit in hits])
    red = np.array([1, 0, 0], np.float32)
    assert shelf.scores(red, network.visual_size + 1) == pytest.approx([0, 3**-0.5, 1])
    likely = shelf.search(red, 2, np.array([2, 0, 0], np.float32))
    assert [(hit.item.id, hit.score) for hit in likely] == [("blue", 2.0), ("red", 1.0)]


def test_the_catalog_is_a_reader(tmp_path: Path) -> None:
    with SqliteCatalog.build(tmp_path / "catalog", "b" * 64) as catalog:
        assert isinstance(catalog, CatalogReader)


def test_the_shipped_bundle_ranks_items_without_any_text(fashion: Path) -> None:
    if not (shipped_bundle() / "manifest.json").is_file():
        pytest.skip("this installation has no shipped bundle")
    found = _json("movingfashion", fashion)
    assert found["recall"]["allsource"]["all"]["queries"] == 3
    assert found["recall"]["allsource"]["all"]["r5"]["value"] == 0.6667
