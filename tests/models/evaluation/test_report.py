"""The results page and the files beside it."""

from __future__ import annotations

import base64
import csv
import json
import re
from html.parser import HTMLParser
from pathlib import Path
from xml.etree import ElementTree

import cv2
import numpy as np
import pytest
from click.testing import CliRunner

from models.commands import evaluate
from models.evaluation.confidence import Bin
from models.evaluation.page.plot import BLUE
from models.evaluation.page.reliability import reliability_diagram, risk_coverage_curve
from tests.drawing import Drawing
from tests.models.evaluation.conftest import COLOURS, Shop, clip_line

EVIL = "<script>alert(1)</script>"


class Reader(HTMLParser):
    """Collects what a page shows and what it would load."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.addresses: list[str] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.addresses += [v or "" for name, v in attrs if name in ("src", "href", "srcset")]

    def handle_data(self, data: str) -> None:
        self.text += data


@pytest.fixture
def report(shop: Shop, tmp_path: Path, colour_network: object) -> Path:
    """Of three clips, two of which show blue and claim to be another product."""
    manifest = shop.manifest(
        clip_line("c1", "red", "red", product_id="red", novel=0, domain="Warm"),
        clip_line("c2", "blue", "red", product_id="green", novel=1, text_asr=EVIL),
        clip_line("c3", "blue", "red", product_id="green", novel=1, domain="Cold"),
    )
    feed = shop.catalog
    feed.write_text(feed.read_text().replace("a blue thing", f"a {EVIL} thing"))
    out = tmp_path / "out" / "report"
    options = ["--root", shop.root, "--catalog", feed, "--tier", "all", "--report", out, "--json"]
    arguments = [str(part) for part in ["--clips", manifest, *options]]
    answer = CliRunner().invoke(evaluate, arguments, catch_exceptions=False)
    assert len(json.loads(answer.stdout)["questions"]) == 2
    return out


def _read(report: Path) -> Reader:
    reader = Reader()
    reader.feed((report / "index.html").read_text(encoding="utf-8"))
    return reader


def test_the_page_leads_with_plain_sentences(report: Path) -> None:
    text = " ".join(_read(report).text.split())
    assert "came first for 1 of 3 clips among 3 products: 33 % (likely 0–100 %)." in text
    assert "trained on with photos it found 100 %, of products without 0 %." in text
    assert "sets of photos, not video" in text


def test_nothing_is_loaded_and_nothing_runs(report: Path) -> None:
    page = _read(report)
    assert page.addresses
    assert all(address.startswith("data:image/jpeg;base64,") for address in page.addresses)
    assert not {"script", "link", "iframe", "object"} & set(page.tags)
    source = (report / "index.html").read_text(encoding="utf-8")
    assert re.findall(r"https?://[^\"' <]+", source) == []


def test_names_and_words_of_others_are_text(report: Path) -> None:
    text = _read(report).text
    assert f"a {EVIL} thing" in text
    assert f"Heard: {EVIL}" in text


def test_mistakes_show_the_clip_and_both_products(report: Path) -> None:
    """Two mistakes in L0: a frame, the right image and the chosen one of each."""
    page = _read(report)
    pictures = [_decoded(address) for address in page.addresses]
    middles = [picture[len(picture) // 2, len(picture) // 2] for picture in pictures]
    wanted = [COLOURS[name] for name in ("blue", "green", "blue") * 2]
    np.testing.assert_allclose(middles, wanted, atol=12)
    assert page.text.count("taken for") == 3, "twice with a picture, once in the table's head"
    assert "clip c2" in page.text
    assert "clip c3" in page.text


def _decoded(address: str) -> np.ndarray:
    data = np.frombuffer(base64.b64decode(address.partition(",")[2]), np.uint8)
    return np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR))


def _rows(path: Path) -> list[dict[str, str]]:
    return list(csv.DictReader(path.read_text(encoding="utf-8").splitlines()))


def test_tables_for_machines(report: Path) -> None:
    rows = _rows(report / "conditions.csv")
    found = {(row["tier"], row["group"]): row["r1_value"] for row in rows}
    assert found["L0", "all"] == "0.3333"
    assert found["L0", "seen"] == "1.0"
    assert found["L0", "domain Cold"] == "0.0"
    assert found["L3", "all"] == "0.3333"
    products = _rows(report / "products.csv")
    assert [(p["product_id"], p["clips"], p["right"]) for p in products] == [
        ("green", "2", "0"),
        ("red", "1", "1"),
    ]
    assert products[0]["taken_for"].startswith("a <script>")
    results = json.loads((report / "results.json").read_text(encoding="utf-8"))
    assert [one["tier"] for one in results["questions"]] == ["L0", "L3"]
    assert results["products"][0]["right"] == 0


def test_figures_are_svg_of_every_question(report: Path) -> None:
    names = sorted(path.name for path in report.glob("*.svg"))
    assert names == [
        "reliability-L0-fused.svg",
        "reliability-L3-fused.svg",
        "risk-coverage-L0-fused.svg",
        "risk-coverage-L3-fused.svg",
    ]
    for name in names:
        root = ElementTree.fromstring((report / name).read_text(encoding="utf-8"))
        assert root.tag == "{http://www.w3.org/2000/svg}svg"


def test_dots_lie_where_confidence_meets_truth() -> None:
    """The shares 0 and 1 of the grid tell where a dot must be."""
    sure = reliability_diagram([Bin(0.4, 0.6, 3, 0.5, 0.25), Bin(0.9, 1, 1, 1, 0)])
    assert Drawing(sure).marks(BLUE) == [
        pytest.approx((0.5, 0.25), abs=0.002),
        pytest.approx((1, 0), abs=0.002),
    ]


def test_the_curve_passes_through_its_points() -> None:
    drawn = risk_coverage_curve([(0.5, 0.0), (1.0, 0.25)], None)
    assert Drawing(drawn).line(BLUE, 2) == [
        pytest.approx(point, abs=0.002) for point in [(0, 0), (0.5, 0), (1, 0.25)]
    ]


def test_a_report_takes_the_place_of_an_earlier_one(shop: Shop, report: Path) -> None:
    manifest = shop.manifest(clip_line("c1", "red", product_id="red"))
    places = ["--clips", manifest, "--root", shop.root, "--catalog", shop.catalog]
    arguments = [str(part) for part in [*places, "--report", report]]
    CliRunner().invoke(evaluate, arguments, catch_exceptions=False)
    assert "There was none." in _read(report).text
