"""What stands before every answer of the page's server: the host check and strict headers."""

from __future__ import annotations

import ipaddress
import socket
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})

STRICT_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'self'; base-uri 'none'; form-action 'none'; "
        "frame-ancestors 'none'; object-src 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=()",
}


class HostRule:
    """Which names a browser may use for this server.

    A foreign page can point a name of its own at 127.0.0.1 (DNS rebinding) and then read the
    camera; the Host header gives it away.

    Args:
        bound: the address the server listens on. A wildcard address also admits numeric addresses
            and this machine's own name: no foreign page can own those.
    """

    def __init__(self, bound: str) -> None:
        self._bound = bound.lower()

    def admits(self, header: str) -> bool:
        """Whether a Host header, with or without a port, names this server."""
        try:
            name = urlsplit(f"//{header}").hostname
        except ValueError:
            return False
        if name is None:
            return False
        return name in LOOPBACK or name == self._bound or (self._wildcard() and _own(name))

    def _wildcard(self) -> bool:
        try:
            return ipaddress.ip_address(self._bound).is_unspecified
        except ValueError:
            return False


def _own(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return name == socket.gethostname().lower()
    return True


def _site(origin: str) -> str:
    """Host and port of an origin; empty where there are none to be read."""
    try:
        return urlsplit(origin).netloc.lower()
    except ValueError:
        return ""


class Guard:
    """Refuses foreign hosts and foreign origins; adds strict headers to everything else."""

    def __init__(self, app: ASGIApp, rule: HostRule) -> None:
        self._app = app
        self._rule = rule

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def send_strictly(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(STRICT_HEADERS)
            await send(message)

        refusal = self._refusal(Headers(scope=scope))
        await (refusal or self._app)(scope, receive, send_strictly)

    def _refusal(self, headers: Headers) -> PlainTextResponse | None:
        host = headers.get("host", "")
        if not self._rule.admits(host):
            return PlainTextResponse("This server does not go by that name.\n", status_code=421)
        origin = headers.get("origin")
        if origin is not None and _site(origin) != host.lower():
            return PlainTextResponse("Requests from other sites are refused.\n", status_code=403)
        return None
