from __future__ import annotations

import json
import socket
import threading
import time

import httpx
import pytest

from runtime.errors import UsageError
from runtime.kiosk import service as service_module
from runtime.kiosk.hub import Hub
from runtime.kiosk.server import kiosk_app
from runtime.kiosk.service import Service
from runtime.kiosk.shelf import Shelf


def serve(hub: Hub) -> Service:
    return Service(kiosk_app(hub, Shelf()), hub, "127.0.0.1", 0)


def test_the_streams_follow_the_hub(hub: Hub) -> None:
    with serve(hub) as service, httpx.Client(base_url=service.url, timeout=5) as client:
        with client.stream("GET", "/events") as events:
            assert events.headers["content-type"].startswith("text/event-stream")
            lines = events.iter_lines()
            first = json.loads(next(line for line in lines if line.startswith("data: "))[6:])
            hub.change(catalog_items=7)
            then = json.loads(next(line for line in lines if line.startswith("data: "))[6:])
        with client.stream("GET", "/stream.mjpg") as pictures:
            kind = pictures.headers["content-type"]
            hub.show(b"\xff\xd8 picture")
            body = b""
            for chunk in pictures.iter_raw():
                body += chunk
                if b"picture" in body:
                    break
    assert (first["phase"], first["catalog_items"], then["catalog_items"]) == ("starting", 0, 7)
    assert kind == "multipart/x-mixed-replace; boundary=frame"
    assert (
        b"--frame\r\nContent-Type: image/jpeg\r\nContent-Length: 10\r\n\r\n\xff\xd8 picture" in body
    )


@pytest.mark.parametrize("path", ["/events", "/stream.mjpg"])
def test_it_stops_with_open_streams(hub: Hub, path: str) -> None:
    service = serve(hub)
    service.open()
    hub.show(b"x")
    ended = threading.Event()

    def read() -> None:
        with httpx.stream("GET", service.url[:-1] + path, timeout=10) as stream:
            for _ in stream.iter_raw():
                reading.set()
        ended.set()

    reading = threading.Event()
    reader = threading.Thread(target=read)
    reader.start()
    assert reading.wait(5)
    begun = time.monotonic()
    service.close()
    assert time.monotonic() - begun < 2
    assert ended.wait(2)
    reader.join()
    with pytest.raises(httpx.ConnectError):
        httpx.get(service.url)


def test_close_is_legal_in_every_state(hub: Hub) -> None:
    service = serve(hub)
    service.close()
    service.open()
    service.close()
    service.close()
    assert "page" not in {thread.name for thread in threading.enumerate()}


def test_a_used_port_is_a_clear_error(hub: Hub) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        service = Service(kiosk_app(hub, Shelf()), hub, "127.0.0.1", taken.getsockname()[1])
        with pytest.raises(UsageError, match="--port"):
            service.open()
        service.close()


@pytest.mark.parametrize("host", ["no.such.host.invalid", "x" * 64])
def test_an_unknown_host_is_a_clear_error(hub: Hub, host: str) -> None:
    with pytest.raises(UsageError, match="cannot be served"):
        Service(kiosk_app(hub, Shelf()), hub, host, 0).open()


def test_a_server_that_does_not_start_is_a_clear_error(
    hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Refusing:
        started = should_exit = False

        def run(self, sockets: list[socket.socket]) -> None:
            """Ends at once, as uvicorn does where it cannot listen."""

    monkeypatch.setattr(service_module, "_server", lambda app: Refusing())
    with pytest.raises(UsageError, match="did not start"):
        serve(hub).open()
    assert "page" not in {thread.name for thread in threading.enumerate()}


def test_the_port_is_taken_once_it_is_chosen() -> None:
    with service_module._listen("127.0.0.1", 0) as listener:
        socket.create_connection(listener.getsockname(), timeout=5).close()
