from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from runtime.catalog.catalog import Item
from runtime.kiosk.guard import STRICT_HEADERS, HostRule
from runtime.kiosk.hub import Hub
from runtime.kiosk.server import kiosk_app
from runtime.kiosk.shelf import Shelf
from runtime.kiosk.state import EngineInfo, Hearing, Phase, Speech
from tests.runtime.kiosk.stand_in import ListCatalog


@pytest.fixture
def client(hub: Hub, shelf: Shelf) -> Iterator[TestClient]:
    with TestClient(kiosk_app(hub, shelf), base_url="http://127.0.0.1:8080") as client:
        yield client


@pytest.mark.parametrize(
    "path",
    ["/", "/static/kiosk.js", "/healthz", "/readyz", "/status", "/nothing", "/items/x/image"],
)
def test_every_answer_has_strict_headers(client: TestClient, path: str) -> None:
    headers = client.get(path).headers
    assert {name: headers[name] for name in STRICT_HEADERS} == STRICT_HEADERS
    assert "server" not in headers


def test_the_page_loads_nothing_from_elsewhere(client: TestClient) -> None:
    page = client.get("/")
    assert page.status_code == 200
    folder = Path("runtime/kiosk/page")
    for file in folder.iterdir():
        text = file.read_text(encoding="utf-8").replace("http://www.w3.org/2000/svg", "")
        assert "//" not in text.replace("// ", ""), file
        assert client.get(f"/static/{file.name}").text == file.read_text(encoding="utf-8")


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost:8080", "[::1]:8080"])
def test_loopback_names_are_served(client: TestClient, host: str) -> None:
    assert client.get("/healthz", headers={"host": host}).json() == {"alive": True}


@pytest.mark.parametrize(
    "host", ["evil.example", "127.0.0.1.evil.example", "evil.example:8080", "", "[", "192.168.1.9"]
)
def test_other_names_are_refused(client: TestClient, host: str) -> None:
    assert client.get("/status", headers={"host": host}).status_code == 421


def test_requests_from_other_sites_are_refused(client: TestClient) -> None:
    assert client.get("/status", headers={"origin": "http://evil.example"}).status_code == 403
    assert client.get("/status", headers={"origin": "null"}).status_code == 403
    assert client.get("/status", headers={"origin": "http://["}).status_code == 403
    assert client.get("/status", headers={"origin": "http://127.0.0.1:8080"}).status_code == 200


def test_a_given_host_is_served_under_its_own_name() -> None:
    assert HostRule("kiosk.shop").admits("kiosk.shop:80")
    assert not HostRule("kiosk.shop").admits("other.shop:80")
    assert not HostRule("kiosk.shop").admits("192.168.1.9")
    assert HostRule("0.0.0.0").admits("192.168.1.9:8080")
    assert HostRule("::").admits("[fe80::1]:8080")
    assert not HostRule("0.0.0.0").admits("evil.example")


def test_shop_images_are_found_by_id(client: TestClient) -> None:
    answer = client.get("/items/sto-001/image")
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "image/jpeg"
    assert answer.content.startswith(b"\xff\xd8\xff")


@pytest.mark.parametrize(
    "product_id",
    [
        "sto-999",
        "..",
        "%2e%2e",
        "../sto-001",
        "..%2f..%2fetc%2fpasswd",
        "%00",
        "images%2fsto-001.jpg",
    ],
)
def test_anything_but_a_known_id_is_not_found(client: TestClient, product_id: str) -> None:
    assert client.get(f"/items/{product_id}/image").status_code == 404


@pytest.mark.parametrize(
    "path", ["../server.py", "..%2fserver.py", "%2e%2e/server.py", "/etc/passwd"]
)
def test_static_files_stay_in_their_folder(client: TestClient, path: str) -> None:
    assert client.get(f"/static/{path}").status_code == 404


@pytest.mark.parametrize(
    ("head", "kind"),
    [
        (b"\x89PNG\r\n\x1a\n0000", "image/png"),
        (b"RIFF0000WEBP", "image/webp"),
        (b"GIF89a000000", "image/gif"),
        (b"<svg onload='x()'>", None),
        (b"", None),
    ],
)
def test_images_are_known_by_their_bytes(tmp_path: Path, head: bytes, kind: str | None) -> None:
    image = tmp_path / "a.jpg"
    image.write_bytes(head)
    shelf = Shelf()
    shelf.fill(ListCatalog([Item("a/b", "A", "", image)]))
    client = TestClient(kiosk_app(Hub(), shelf), base_url="http://localhost")
    answer = client.get("/items/a%2Fb/image")
    assert (answer.status_code, answer.headers["content-type"]) == (
        (200, kind) if kind else (404, "text/plain; charset=utf-8")
    )


def test_an_image_that_is_gone_is_not_found(tmp_path: Path) -> None:
    shelf = Shelf()
    assert shelf.image("a") is None
    shelf.fill(ListCatalog([Item("a", "A", "", tmp_path / "gone.jpg")]))
    assert shelf.image("a") is None
    assert (shelf.title("a"), shelf.title("b"), shelf.title(None)) == ("A", "", "")


def test_readiness_has_reasons(client: TestClient, hub: Hub) -> None:
    answer = client.get("/readyz")
    assert answer.status_code == 503
    assert answer.json() == {"ready": False, "reasons": ["starting"], "engine": ""}
    hub.change(phase=Phase.LIVE, engine=EngineInfo(selection="fallback:no-driver"))
    answer = client.get("/readyz")
    assert answer.status_code == 200
    assert answer.json() == {"ready": True, "reasons": [], "engine": "fallback:no-driver"}
    hub.change(phase=Phase.CAMERA_LOST)
    assert client.get("/readyz").json()["reasons"] == ["camera lost"]


def test_status_tells_figures_but_not_what_was_said(client: TestClient, hub: Hub) -> None:
    hub.change(
        phase=Phase.LIVE,
        hearing=Hearing.NO_MODEL,
        speech=Speech("a secret"),
        engine=EngineInfo("colours", "none", "colours 1"),
        catalog_items=48,
    )
    hub.show(b"jpeg")
    answer = client.get("/status")
    assert "secret" not in answer.text
    status = answer.json()
    assert status["hearing"] == "no model"
    assert status["engine"]["provider"] == "colours"
    assert (status["catalog_items"], status["pictures"], status["changes"]) == (48, 1, 1)


def test_only_reading_is_allowed(client: TestClient) -> None:
    assert client.post("/status").status_code == 405
