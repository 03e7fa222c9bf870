"""``sgmn evaluate`` from feeds and a manifest to figures and predictions."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from models.commands import evaluate
from models.evaluation.gallery import merge_feeds
from runtime.bundle.shipped import shipped_bundle
from runtime.catalog.feed import read_feed
from runtime.errors import ClipListError, FeedError, UsageError
from tests.models.evaluation.conftest import Shop, clip_line

RIGHT = clip_line("c1", "red", product_id="red", novel=0, asr_kind="named")
WRONG = clip_line("c2", "blue", product_id="green", novel=1, asr_kind="chat")


def _run(shop: Shop, *options: str, manifest: Path) -> Result:
    places = ["--clips", str(manifest), "--root", str(shop.root), "--catalog", str(shop.catalog)]
    return CliRunner().invoke(evaluate, [*places, *options], catch_exceptions=False)


def _json(shop: Shop, *options: str, manifest: Path) -> Any:
    return json.loads(_run(shop, *options, "--json", manifest=manifest).stdout)


@pytest.mark.usefixtures("colour_network")
def test_figures_of_a_shop_of_colours(shop: Shop) -> None:
    found = _json(shop, manifest=shop.manifest(RIGHT, WRONG))
    groups = found["accuracy"]
    assert groups["all"]["r1"]["value"] == 0.5
    assert groups["seen"]["r1"]["value"] == 1.0
    assert groups["novel"]["r1"]["value"] == 0.0
    assert groups["all"]["coverage"]["value"] == 1.0
    assert groups["all"]["precision"]["value"] == 0.5
    assert (found["clips"], found["gallery"], found["tier"]) == (2, 3, "L0")
    assert found["bundle"]["precision"] == "fp32"
    assert found["note"] == "clips are sets of photos, not video"
    assert found["seconds_a_clip"] > 0


@pytest.mark.usefixtures("colour_network")
def test_predictions_are_complete_lines(shop: Shop, tmp_path: Path) -> None:
    out = tmp_path / "out.jsonl"
    options = ("--distractors", str(shop.distractors), "--predictions", str(out))
    found = _json(shop, *options, manifest=shop.manifest(RIGHT, WRONG))
    first, second = [json.loads(line) for line in out.read_text().splitlines()]
    assert found["gallery"] == 4
    assert (first["clip_id"], first["ranked"][0], first["decision"]) == ("c1", "red", "red")
    assert (second["clip_id"], second["ranked"][0]) == ("c2", "blue")
    assert sorted(first["ranked"]) == ["blue", "green", "grey", "red"]
    assert first["scores"] == sorted(first["scores"], reverse=True)
    assert len(first["scores"]) == 4
    assert list(tmp_path.glob("*.new")) == []


@pytest.mark.usefixtures("colour_network")
def test_a_manifest_without_labels_predicts_only(shop: Shop, tmp_path: Path) -> None:
    out = tmp_path / "out.jsonl"
    bare = {k: v for k, v in clip_line("c1", "green").items() if k != "text_clean"}
    manifest = shop.manifest(bare)
    assert _json(shop, "--predictions", str(out), manifest=manifest)["accuracy"] is None
    assert json.loads(out.read_text())["ranked"][0] == "green"
    shown = _run(shop, manifest=manifest).stdout
    assert "accuracy unknown" in shown
    assert "R@1" not in shown


@pytest.mark.usefixtures("colour_network")
def test_modality_and_text_choose_what_is_asked(shop: Shop, tmp_path: Path) -> None:
    out = tmp_path / "out.jsonl"
    manifest = shop.manifest(clip_line("c1", "red", text_asr="blue", text_clean="green"))

    def best(*options: str) -> str:
        _run(shop, *options, "--predictions", str(out), manifest=manifest)
        return str(json.loads(out.read_text())["ranked"][0])

    assert best("--modality", "image") == "red"
    assert best("--modality", "text") == "blue"
    assert best("--modality", "text", "--text-field", "text_clean") == "green"


@pytest.mark.usefixtures("colour_network")
def test_the_table_says_what_the_clips_are(shop: Shop) -> None:
    shown = _run(shop, manifest=shop.manifest(RIGHT, WRONG)).stdout
    assert "clips are sets of photos, not video" in shown
    assert "novel" in shown
    assert "c" * 64 in shown


@pytest.mark.usefixtures("colour_network")
def test_limit_takes_the_first_clips(shop: Shop) -> None:
    found = _json(shop, "--limit", "1", manifest=shop.manifest(RIGHT, WRONG))
    assert (found["clips"], found["accuracy"]["all"]["r1"]["value"]) == (1, 1.0)


def test_a_product_outside_the_catalog_is_an_error(shop: Shop) -> None:
    with pytest.raises(ClipListError, match="pink is not in the catalog"):
        _run(shop, manifest=shop.manifest(clip_line("c1", "red", product_id="pink")))


def test_predictions_do_not_replace_what_is_read(shop: Shop) -> None:
    manifest = shop.manifest(RIGHT)
    for given in (manifest, shop.catalog):
        before = given.read_bytes()
        with pytest.raises(UsageError, match="files that are read"):
            _run(shop, "--predictions", str(given), manifest=manifest)
        assert given.read_bytes() == before


def test_the_folder_of_the_predictions_must_exist(shop: Shop, tmp_path: Path) -> None:
    options = ("--predictions", str(tmp_path / "none" / "out.jsonl"))
    with pytest.raises(UsageError, match="folder does not exist"):
        _run(shop, *options, manifest=shop.manifest(RIGHT))


@pytest.mark.usefixtures("colour_network")
def test_a_distractor_of_the_catalog_is_an_error(shop: Shop) -> None:
    with pytest.raises(FeedError, match="3 ids occur twice, the first is blue"):
        _run(shop, "--distractors", str(shop.catalog), manifest=shop.manifest(RIGHT))


def test_merged_feeds_keep_every_field(shop: Shop, tmp_path: Path) -> None:
    merged = read_feed(merge_feeds([shop.catalog, shop.distractors], tmp_path / "merged"))
    sources = read_feed(shop.catalog) + read_feed(shop.distractors)
    for ours, theirs in zip(merged, sources, strict=True):
        assert (ours.item.id, ours.item.title) == (theirs.item.id, theirs.item.title)
        assert ours.item.image.read_bytes() == theirs.item.image.read_bytes()


def test_the_command_is_listed_without_torch_or_the_runtime() -> None:
    code = (
        "import sys, models.commands; sys.exit(bool({'torch', 'cv2', 'numpy'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.slow
def test_the_shipped_bundle_names_real_products(assets: Path, tmp_path: Path) -> None:
    if not (shipped_bundle() / "manifest.json").is_file():
        pytest.skip("this installation has no shipped bundle")
    root, out = assets / "data" / "grocery_lpr", tmp_path / "out.jsonl"
    shop, manifest = Shop(root), root / "dev" / "clips_val.jsonl"
    found = _json(shop, "--limit", "6", "--predictions", str(out), manifest=manifest)
    lines = [json.loads(line) for line in out.read_text().splitlines()]
    assert found["gallery"] == 81
    assert len(lines) == 6
    assert all(len(set(line["ranked"])) == 81 for line in lines)
    assert all(line["scores"] == sorted(line["scores"], reverse=True) for line in lines)
    assert found["accuracy"]["all"]["r5"]["value"] > 5 / 81
