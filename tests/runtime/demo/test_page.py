"""The demo's page in a real browser."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from runtime.bundle.shipped import shipped_bundle
from runtime.demo.store import Store
from runtime.kiosk.hub import Hub
from runtime.kiosk.server import kiosk_app
from runtime.kiosk.service import Service
from runtime.kiosk.shelf import Shelf
from runtime.kiosk.state import EngineInfo
from tests.browsing import PATIENCE_MS, PICTURES_LOADED, Visit, browser, sync_api
from tests.runtime.kiosk.running import REAL, REPOSITORY, STAND_IN, Running

__all__ = ["browser"]

SCREENSHOT = REPOSITORY / "docs" / "images" / "demo.png"
HEARD = "() => document.getElementById('words').textContent.trim()"
ENGINE_IS = "text => document.getElementById('engine').textContent === text"
ONCE_MORE = "before => document.getElementById('words').textContent.trim().length > before"


@pytest.fixture
def visit(browser: sync_api.Browser) -> Iterator[Visit]:
    with browser.new_page(viewport={"width": 1920, "height": 1080}) as page:
        yield Visit(page)


@pytest.fixture(params=[STAND_IN, REAL], ids=["colours", "network"])
def demo(request: pytest.FixtureRequest, store: Store) -> Iterator[Running]:
    if request.param is REAL and not (shipped_bundle() / "manifest.json").is_file():
        pytest.skip("no bundle is shipped in this tree")
    running = Running(request.param, "demo", "--port", "0", "--no-open")
    yield running
    assert running.end()[0] == 130
    running.close()


@pytest.mark.slow
def test_the_page_shows_what_the_engines_compute(
    demo: Running, visit: Visit, store: Store, request: pytest.FixtureRequest
) -> None:
    page, url = visit.page, demo.url()
    page.goto(url, wait_until="domcontentloaded")
    page.wait_for_selector("body:not([data-veil])")
    assert page.inner_text("#verdict") == ""

    visit.until(ONCE_MORE, 0)
    visit.until(ONCE_MORE, len(page.evaluate(HEARD)))
    visit.until(PICTURES_LOADED, "#camera")
    visit.until(PICTURES_LOADED, "#ranking img")
    assert page.locator("#ranking li:not(.gone)").count() == 5

    visit.event("present")
    visit.until(PICTURES_LOADED, "#portrait img.shown")
    assert page.inner_text("#title")
    assert page.text_content("#announcement")
    page.wait_for_selector(".clip .mark:not(:empty)")
    assert ", expected " in page.inner_text("#verdict")
    _keep(page, request.node.callspec.id)

    page.click("#sound-button")
    page.click(".clip >> nth=2")
    page.wait_for_selector(".clip[aria-current=true] >> text=Clip 3")
    page.wait_for_timeout(500)
    assert f"{url}/demo/sound/2" in visit.asked
    assert all(address.startswith(url) for address in visit.asked)
    assert visit.complaints == []


def test_the_page_says_when_the_kiosk_is_gone(browser: sync_api.Browser, store: Store) -> None:
    running = Running(STAND_IN, "demo", "--port", "0", "--no-open")
    try:
        with browser.new_page() as page:
            page.goto(running.url(), wait_until="domcontentloaded")
            page.wait_for_selector("body:not([data-veil])")
            assert running.end()[0] == 130
            page.wait_for_selector("body[data-link=lost] >> text=Reconnecting")
    finally:
        running.close()


def test_the_page_comes_back_with_the_kiosk(browser: sync_api.Browser, store: Store) -> None:
    first = Running(STAND_IN, "demo", "--port", "0", "--no-open")
    second: Running | None = None
    try:
        with browser.new_page() as page:
            url = first.url()
            page.goto(url, wait_until="domcontentloaded")
            page.wait_for_selector("body:not([data-veil])")
            first.end()
            page.wait_for_selector("body[data-link=lost]")
            port = url.rpartition(":")[2]
            second = Running(STAND_IN, "demo", "--port", port, "--no-open")
            page.wait_for_selector("body[data-link=up]:not([data-veil])", timeout=PATIENCE_MS)
            page.wait_for_function(PICTURES_LOADED, arg="#camera")
    finally:
        for running in (first, second):
            if running is not None:
                running.close()


@pytest.mark.parametrize(
    ("width", "height", "scrolls"),
    [(1920, 1080, False), (800, 480, False), (1080, 1920, False), (390, 844, True)],
)
def test_nothing_leaves_the_screen(
    browser: sync_api.Browser, store: Store, width: int, height: int, scrolls: bool
) -> None:
    running = Running(STAND_IN, "demo", "--port", "0", "--no-open")
    try:
        with browser.new_page(viewport={"width": width, "height": height}) as page:
            page.goto(running.url(), wait_until="domcontentloaded")
            page.wait_for_selector("#ranking li:not(.gone)")
            page.evaluate("document.getElementById('title').textContent = 'Longword'.repeat(40)")
            wide, high = page.evaluate(
                "[document.documentElement.scrollWidth, document.documentElement.scrollHeight]"
            )
            assert wide == width
            assert scrolls or high == height
            assert page.locator(".product").bounding_box()["height"] > height / 8
    finally:
        running.close()


def test_readers_that_do_not_see_get_the_products_in_order(
    browser: sync_api.Browser, store: Store
) -> None:
    running = Running(STAND_IN, "demo", "--port", "0", "--no-open")
    try:
        with browser.new_page() as page:
            page.goto(running.url(), wait_until="domcontentloaded")
            page.wait_for_selector("body[data-event=present]")
            lines = page.locator("#ranking-read li").all_text_contents()
            shares = [int(line.split()[-2]) for line in lines]
            assert len(shares) == 5
            assert shares == sorted(shares, reverse=True)
            assert not page.get_by_text("Nothing to compare yet.").is_visible()
    finally:
        running.close()


def _keep(page: sync_api.Page, kind: str) -> None:
    """The README's picture, of the real network only."""
    if os.environ.get("SGMN_KEEP_SCREENSHOT") == "1" and kind == "network":
        page.wait_for_timeout(1000)  # until nothing moves any more
        SCREENSHOT.parent.mkdir(parents=True, exist_ok=True)
        page.screenshot(path=Path(SCREENSHOT))


@pytest.mark.parametrize(
    ("selection", "shown"),
    [
        ("fallback:crash-loop", "ONNX Runtime, CPU, fp16, fallback:crash-loop"),
        ("fallback:no-graphs", "ONNX Runtime, CPU, fp16"),
        ("", "ONNX Runtime, CPU, fp16"),
    ],
)
def test_a_fallback_stands_in_the_footer(
    browser: sync_api.Browser, selection: str, shown: str
) -> None:
    hub, shelf = Hub(), Shelf()
    info = EngineInfo("onnxruntime:CPUExecutionProvider", "fp16", "b", selection, "why", "fix")
    hub.change(engine=info)
    service = Service(kiosk_app(hub, shelf), hub, "127.0.0.1", 0)
    with service, browser.new_page() as page:
        page.goto(service.url, wait_until="domcontentloaded")
        page.wait_for_function(ENGINE_IS, arg=shown)
        assert page.get_attribute("#engine", "title") == "why; fix"
