"""``sgmn evaluate`` from feeds and a manifest to figures and predictions."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from click.testing import CliRunner, Result

from models.commands import evaluate
from models.evaluation.gallery import merge_feeds
from runtime.bundle.shipped import shipped_bundle
from runtime.catalog.feed import read_feed
from runtime.errors import ClipListError, FeedError, UsageError
from tests.docs_json import keys
from tests.models.evaluation.conftest import ColourNetwork, Shop, clip_line

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
    assert set(found) == keys("evaluate") - {"enrolment", "difference"}
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


EASY_RED = clip_line(
    "c1", "red", "blue", product_id="red", novel=0, domain="Warm", text_asr="red", asr_kind="named"
)
EASY_BLUE = clip_line("c2", "blue", "blue", product_id="blue", novel=1, domain="Cold")


def test_every_tier_with_every_modality_in_one_run(
    shop: Shop, colour_network: ColourNetwork, tmp_path: Path
) -> None:
    out = tmp_path / "out.jsonl"
    options = ("--tier", "all", "--modality", "all", "--predictions", str(out))
    found = _json(shop, *options, manifest=shop.manifest(EASY_RED, EASY_BLUE))
    asked = [(one["tier"], one["modality"]) for one in found["questions"]]
    assert asked == [
        ("L0", "fused"),
        ("L0", "image"),
        (None, "text"),
        ("L3", "fused"),
        ("L3", "image"),
    ]
    every = [one["accuracy"]["all"]["r1"]["value"] for one in found["questions"]]
    assert every[1] == 1.0
    assert every[4] == 0.5, "in L3 both show blue"
    assert found["questions"][1]["accuracy"]["domain Warm"]["clips"] == 1
    assert found["questions"][1]["confidence"]["ece"] >= 0
    assert (found["clips"], found["gallery"], found["enrolment"]) == (2, 3, None)
    lines = [json.loads(line) for line in out.read_text().splitlines()]
    assert [line["tier"] for line in lines] == ["L0"] * 4 + [None] * 2 + ["L3"] * 4
    assert all(0 <= line["confidence"] <= 1 for line in lines)


def test_pictures_are_encoded_once_a_tier_and_words_once(
    shop: Shop, colour_network: ColourNetwork
) -> None:
    options = ("--tier", "L0", "--tier", "L3", "--modality", "all")
    _json(shop, *options, manifest=shop.manifest(EASY_RED, EASY_BLUE))
    assert colour_network.frames_encoded == 2 * (1 + 2)
    assert colour_network.texts_encoded == 1, "the other clip's words say nothing"


@pytest.mark.usefixtures("colour_network")
def test_many_questions_are_answered_as_each_alone(shop: Shop, tmp_path: Path) -> None:
    manifest = shop.manifest(EASY_RED, EASY_BLUE)
    together = _json(shop, "--tier", "all", "--modality", "all", manifest=manifest)
    for one in together["questions"]:
        options = ("--tier", one["tier"] or "L0", "--modality", one["modality"])
        alone = _json(shop, *options, manifest=manifest)["accuracy"]
        assert alone == {k: v for k, v in one["accuracy"].items() if not k.startswith("domain")}


@pytest.mark.usefixtures("colour_network")
def test_one_question_is_told_as_ever(shop: Shop, tmp_path: Path) -> None:
    """Scripts rely on these keys."""
    out = tmp_path / "out.jsonl"
    found = _json(shop, "--predictions", str(out), manifest=shop.manifest(EASY_RED))
    keys = "note ties clips gallery tier modality text_field bundle accuracy seconds_a_clip machine"
    assert list(found) == keys.split()
    assert list(found["accuracy"]) == ["all", "seen", "speech named"]
    assert list(json.loads(out.read_text())) == ["clip_id", "ranked", "scores", "decision"]


@pytest.mark.usefixtures("colour_network")
def test_a_manifest_without_labels_answers_many_questions(shop: Shop, tmp_path: Path) -> None:
    out = tmp_path / "out.jsonl"
    manifest = shop.manifest(clip_line("c1", "green", "red"))
    options = ("--tier", "all", "--predictions", str(out))
    found = _json(shop, *options, manifest=manifest)
    assert [one["accuracy"] for one in found["questions"]] == [None, None]
    assert [one["confidence"] for one in found["questions"]] == [None, None]
    assert [json.loads(line)["ranked"][0] for line in out.read_text().splitlines()] == [
        "green",
        "red",
    ]
    for option in ("--report", "--against"):
        with pytest.raises(UsageError, match="no labels"):
            _run(shop, option, str(out), manifest=manifest)


@pytest.mark.usefixtures("colour_network")
def test_the_tables_of_many_questions(shop: Shop) -> None:
    options = ("--tier", "all", "--modality", "image", "--modality", "text")
    shown = _run(shop, *options, manifest=shop.manifest(EASY_RED, EASY_BLUE)).stdout
    assert "L0 image, text, L3 image" in shown
    assert "Confidence" in shown
    assert "AUROC" in shown


@pytest.mark.usefixtures("colour_network")
def test_tiers_that_not_every_clip_has_are_not_among_all(shop: Shop) -> None:
    manifest = shop.manifest(EASY_RED, clip_line("c2", "blue"))
    assert _json(shop, "--tier", "all", manifest=manifest)["tier"] == "L0"
    with pytest.raises(ClipListError, match="no tier L3"):
        _run(shop, "--tier", "L3", "--tier", "L0", manifest=manifest)


def _photos(shop: Shop, *rows: str) -> Path:
    path = shop.root / "dev" / "splits.csv"
    path.write_text("\n".join(["path,split,product_id", *rows]), encoding="utf-8")
    return path


@pytest.mark.usefixtures("colour_network")
def test_photos_are_enrolled_unless_a_clip_shows_them(shop: Shop) -> None:
    """Green's photo makes it the product that looks blue; red's own frame must not be enrolled."""
    manifest = shop.manifest(clip_line("c3", "blue", product_id="green"), EASY_RED)
    shade = np.full((12, 12, 3), (230, 5, 0), np.uint8)
    cv2.imwrite(str(shop.root / "dev" / "bluish.png"), shade)
    rows = ["bluish.png,train,green", "red.png,val,red", "nothing.png,test,red"]
    before = _json(shop, manifest=manifest)
    after = _json(shop, "--enrol", str(_photos(shop, *rows)), manifest=manifest)
    assert "enrolment" not in before
    assert after["enrolment"] == {"photos": 1, "products": 1, "excluded": 1}
    assert "left out" in _run(
        shop, "--enrol", str(_photos(shop, *rows)), manifest=manifest
    ).stdout.replace("\n", " ")
    only = ["red.png,val,red", "blue.png,train,blue"]
    none = _json(shop, "--enrol", str(_photos(shop, *only)), manifest=manifest)
    assert none["enrolment"] == {"photos": 0, "products": 0, "excluded": 2}
    assert none["accuracy"] == before["accuracy"]


@pytest.mark.usefixtures("colour_network")
def test_a_product_is_found_by_the_photos_that_were_enrolled(shop: Shop) -> None:
    manifest = shop.manifest(clip_line("c1", "blue", product_id="green"))
    cv2.imwrite(str(shop.root / "dev" / "as-seen.png"), np.full((15, 15, 3), (220, 0, 0), np.uint8))
    cv2.imwrite(str(shop.root / "dev" / "grey.png"), np.full((15, 15, 3), 90, np.uint8))
    rows = ["as-seen.png,train,green", "grey.png,train,blue"]
    assert _json(shop, manifest=manifest)["accuracy"]["all"]["r1"]["value"] == 0.0
    found = _json(shop, "--enrol", str(_photos(shop, *rows)), manifest=manifest)
    assert found["accuracy"]["all"]["r1"]["value"] == 1.0


@pytest.mark.usefixtures("colour_network")
def test_differences_to_an_earlier_run(shop: Shop, tmp_path: Path) -> None:
    manifest = shop.manifest(EASY_RED, EASY_BLUE)
    hard = tmp_path / "hard.jsonl"
    _run(shop, "--tier", "L3", "--predictions", str(hard), manifest=manifest)
    found = _json(shop, "--against", str(hard), manifest=manifest)["difference"]
    assert found["L0 fused"]["all"]["r1"] == {"value": 0.5, "low": 0.0, "high": 1.0}
    assert found["L0 fused"]["seen"]["r1"]["value"] == 1.0
    assert found["L0 fused"]["novel"]["mrr"]["value"] == 0.0
    shown = _run(shop, "--against", str(hard), manifest=manifest).stdout
    assert "Difference" in shown
    assert "+50.0" in shown


def test_a_product_outside_the_catalog_is_an_error(shop: Shop) -> None:
    with pytest.raises(ClipListError, match="pink is not in the catalog"):
        _run(shop, manifest=shop.manifest(clip_line("c1", "red", product_id="pink")))


def test_predictions_do_not_replace_what_is_read(shop: Shop, tmp_path: Path) -> None:
    manifest, earlier = shop.manifest(RIGHT), tmp_path / "earlier.jsonl"
    earlier.write_text("{}\n", encoding="utf-8")
    for given in (manifest, shop.catalog, earlier):
        before = given.read_bytes()
        places = ("--predictions", str(given), "--against", str(earlier))
        with pytest.raises(UsageError, match="files that are read"):
            _run(shop, *places, manifest=manifest)
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
