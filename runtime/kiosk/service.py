"""Runs the page's server in a thread and stops it, open streams or not."""

from __future__ import annotations

import socket
import threading
import time
from typing import TYPE_CHECKING

from starlette.types import ASGIApp

from runtime.errors import UsageError
from runtime.kiosk.hub import Hub
from runtime.lifecycle import Openable

if TYPE_CHECKING:
    from uvicorn import Server

START_S = 10.0
GRACE_S = 1
"""Whole seconds that open answers get to end."""


class Service(Openable):
    """A server on one address, from ``open`` to ``close``.

    Args:
        app: the ASGI application.
        hub: closed with the service, which ends the page's streams.
        host: address to listen on.
        port: TCP port; 0 takes a free one.
    """

    def __init__(self, app: ASGIApp, hub: Hub, host: str, port: int) -> None:
        self._app = app
        self._hub = hub
        self._host = host
        self._port = port
        self._socket: socket.socket | None = None
        self._server: Server | None = None
        self._thread: threading.Thread | None = None

    @property
    def url(self) -> str:
        """Address of the page; the port is known once open."""
        host = f"[{self._host}]" if ":" in self._host else self._host
        return f"http://{host}:{self._port}/"

    def open(self) -> None:
        """Listen and serve.

        Raises:
            UsageError: the address cannot be used.
        """
        self._socket = _listen(self._host, self._port)
        self._port = self._socket.getsockname()[1]
        self._server = _server(self._app)
        self._thread = threading.Thread(target=self._serve, name="page", daemon=True)
        self._thread.start()
        deadline = time.monotonic() + START_S
        while not self._server.started and self._thread.is_alive():
            if time.monotonic() > deadline:
                break
            time.sleep(0.01)
        if not self._server.started:
            self.close()
            raise _unusable(self._host, self._port, "its server did not start")

    def close(self) -> None:
        """End all answers and stop listening; legal in every state."""
        self._hub.close()
        if self._server is not None and self._thread is not None:
            self._server.should_exit = True
            self._thread.join(2 * GRACE_S)
            self._thread = None
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def _serve(self) -> None:
        if self._server is not None and self._socket is not None:
            self._server.run(sockets=[self._socket])


def _server(app: ASGIApp) -> Server:
    from uvicorn import Config, Server

    config = Config(
        app,
        lifespan="off",
        log_config=None,
        log_level="critical",
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=GRACE_S,
    )
    return Server(config)


def _listen(host: str, port: int) -> socket.socket:
    listener: socket.socket | None = None
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        listener = socket.socket(family, kind, protocol)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen()
    except (OSError, OverflowError, UnicodeError) as error:
        if listener is not None:
            listener.close()
        raise _unusable(host, port, str(error)) from error
    return listener


def _unusable(host: str, port: int, why: str) -> UsageError:
    return UsageError(
        f"the page cannot be served on {host}:{port}",
        why=why,
        fix="give another --port (0 takes a free one) or --host 127.0.0.1",
    )
