"""The page's server: routes over a hub and a shelf; it computes nothing itself."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response, StreamingResponse
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles

from runtime.kiosk.guard import Guard, HostRule
from runtime.kiosk.hub import Hub
from runtime.kiosk.shelf import Shelf
from runtime.kiosk.streams import BOUNDARY, picture_parts, screen_events

PAGE = Path(__file__).resolve().parent / "page"

_NEVER_STORED = {"Cache-Control": "no-store"}
_ASKED_AGAIN = {"Cache-Control": "no-cache"}
_KEPT_BRIEFLY = {"Cache-Control": "max-age=60"}


def kiosk_app(
    hub: Hub, shelf: Shelf, *, host: str = "127.0.0.1", more: Sequence[BaseRoute] = ()
) -> Starlette:
    """The ASGI application of the kiosk page.

    Args:
        hub: what to show.
        shelf: shop images.
        host: the address the server will listen on.
        more: further routes, as the demo has.
    """
    answers = _Answers(hub, shelf)
    routes: list[BaseRoute] = [
        Route("/", answers.page),
        Route("/events", answers.events),
        Route("/stream.mjpg", answers.pictures),
        Route("/items/{product_id:path}/image", answers.item_image),
        Route("/healthz", answers.healthz),
        Route("/readyz", answers.readyz),
        Route("/status", answers.status),
        *more,
        Mount("/static", StaticFiles(directory=PAGE)),
    ]
    return Starlette(routes=routes, middleware=[Middleware(Guard, rule=HostRule(host))])


class _Answers:
    def __init__(self, hub: Hub, shelf: Shelf) -> None:
        self._hub = hub
        self._shelf = shelf

    async def page(self, request: Request) -> Response:
        return FileResponse(PAGE / "index.html", headers=_ASKED_AGAIN)

    async def events(self, request: Request) -> Response:
        stream = screen_events(self._hub)
        return StreamingResponse(stream, media_type="text/event-stream", headers=_NEVER_STORED)

    async def pictures(self, request: Request) -> Response:
        kind = f"multipart/x-mixed-replace; boundary={BOUNDARY}"
        stream = picture_parts(self._hub)
        return StreamingResponse(stream, media_type=kind, headers=_NEVER_STORED)

    async def item_image(self, request: Request) -> Response:
        found = await run_in_threadpool(self._shelf.image, request.path_params["product_id"])
        if found is None:
            raise HTTPException(404, "No image of that product.")
        return FileResponse(found.path, media_type=found.media_type, headers=_KEPT_BRIEFLY)

    async def healthz(self, request: Request) -> Response:
        return JSONResponse({"alive": True}, headers=_NEVER_STORED)

    async def readyz(self, request: Request) -> Response:
        reasons = list(self._hub.screen.obstacles())
        engine = self._hub.screen.engine.selection
        body = {"ready": not reasons, "reasons": reasons, "engine": engine}
        return JSONResponse(body, status_code=503 if reasons else 200, headers=_NEVER_STORED)

    async def status(self, request: Request) -> Response:
        return JSONResponse(_status(self._hub), headers=_NEVER_STORED)


def _status(hub: Hub) -> dict[str, Any]:
    """Figures for operators; what was said and what was seen stay out of it."""
    latest = hub.latest
    screen = latest.screen.as_dict()
    told = ("phase", "hearing", "latency_ms", "engine", "catalog_items", "program")
    return {
        **{name: screen[name] for name in told},
        "reasons": list(latest.screen.obstacles()),
        "pictures": latest.picture_number,
        "changes": latest.version,
    }
