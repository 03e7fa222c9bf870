"""The page in a real browser: any width, light and dark, on paper, and with no network."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from calibration.report.pictures import ClipPictures
from calibration.report.write import write_report
from models.data.grocery_lpr import read_clips, shop_images
from tests.browsing import PICTURES_LOADED, Visit, browser, sync_api
from tests.calibration.made_up_report import measurement, report
from tests.export.conftest import Exported

__all__ = ["browser"]

LONG = "a-plan-with-a-name-that-is-much-longer-than-a-phone-is-wide-" * 2


@pytest.fixture(scope="module")
def address(exported: Exported, tmp_path_factory: pytest.TempPathFactory) -> str:
    """A page with pictures of real clips, and a plan with a long name that is recommended."""
    folder = tmp_path_factory.mktemp("page")
    made = report()
    mixed = made.measurements[2]
    (change,) = mixed.agreement.rank_changes
    fallen = replace(change, clip_id="val-pear", named_id="plum")
    shown = replace(
        mixed,
        plan=replace(mixed.plan, name=LONG),
        agreement=replace(mixed.agreement, rank_changes=(fallen,)),
    )
    others = tuple(measurement(f"int8-{i}", 30.0 + i) for i in range(8))
    long = replace(
        made,
        measurements=(*made.measurements[:2], shown, *others),
        recommendation=replace(made.recommendation, plan=shown.plan),
        shipped=LONG,
    )
    clips = read_clips(exported.root / "dev" / "clips_val.jsonl", exported.root)
    pictures = ClipPictures(clips, exported.root, shop_images(exported.feed))
    write_report(folder, long, pictures, "sgmn report " + "word " * 60)
    return (folder / "index.html").as_uri()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_shows_all_it_holds_and_asks_for_nothing(
    browser: sync_api.Browser, address: str, scheme: str
) -> None:
    with browser.new_page(color_scheme=scheme) as page:
        visit = Visit(page)
        page.goto(address)
        visit.until(PICTURES_LOADED, "img")
        assert page.locator("img").count() == 5, "three frames and two products"
        assert [asked for asked in visit.asked if not asked.startswith("data:")] == [address]
        assert visit.complaints == []


@pytest.mark.parametrize("width", [320, 390, 800, 1920])
def test_nothing_leaves_the_screen(browser: sync_api.Browser, address: str, width: int) -> None:
    with browser.new_page(viewport={"width": width, "height": 844}) as page:
        page.goto(address)
        assert page.evaluate("document.documentElement.scrollWidth") == width
        figure = page.locator("section figure").first.bounding_box()
        assert figure["x"] >= 0
        assert figure["x"] + figure["width"] <= width
        drawn = page.locator("section svg").first
        scale = drawn.bounding_box()["width"] / int(drawn.get_attribute("width"))
        assert scale > 0.8, "letters of plots can be read; the figure scrolls where it is narrow"


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_and_plots_can_be_read(browser: sync_api.Browser, address: str, scheme: str) -> None:
    """Every text that is shown stands out against what is behind it, as WCAG AA asks."""
    with browser.new_page(color_scheme=scheme) as page:
        page.goto(address)
        contrasts = page.evaluate(CONTRASTS)
        assert len(contrasts) > 100
        assert {text: ratio for text, ratio in contrasts if ratio < 4.5} == {}


CONTRASTS = """() => {
  const numbers = colour => colour.match(/[\\d.]+/g).map(Number);
  const light = colour => {
    const [r, g, b] = numbers(colour).map(v => v / 255)
      .map(v => v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const ground = element => {
    for (let at = element; at; at = at.parentElement) {
      const colour = getComputedStyle(at).backgroundColor;
      if ((numbers(colour)[3] ?? 1) === 1) return colour;
    }
    return 'rgb(255, 255, 255)';
  };
  return [...document.querySelectorAll('main *')]
    .filter(e => [...e.childNodes].some(n => n.nodeType === 3 && n.textContent.trim()))
    .filter(e => !['title', 'style'].includes(e.tagName))
    .map(e => {
      const style = getComputedStyle(e);
      const ink = light(e instanceof SVGElement ? style.fill : style.color);
      const paper = light(ground(e));
      const [high, low] = ink > paper ? [ink, paper] : [paper, ink];
      return [e.textContent.slice(0, 40), (high + 0.05) / (low + 0.05)];
    });
}"""


def test_it_prints_dark_on_white(browser: sync_api.Browser, address: str, tmp_path: Path) -> None:
    with browser.new_page(color_scheme="dark") as page:
        page.goto(address)
        page.emulate_media(media="print", color_scheme="dark")
        style = page.evaluate_handle("getComputedStyle(document.body)")
        colours = [style.get_property(name).json_value() for name in ("backgroundColor", "color")]
        assert colours == ["rgb(255, 255, 255)", "rgb(29, 36, 48)"]
        assert page.pdf(format="A4").startswith(b"%PDF")
