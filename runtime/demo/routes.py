"""What the demo adds to the kiosk's server: choosing a clip and its own sound."""

from __future__ import annotations

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.routing import BaseRoute, Route

from runtime.demo.choice import Choice
from runtime.demo.store import Store


def demo_routes(store: Store, choice: Choice) -> list[BaseRoute]:
    """Routes over the clips by their number from 0.

    Args:
        store: the clips.
        choice: takes the page's wishes.
    """

    async def sound(request: Request) -> Response:
        number: int = request.path_params["number"]
        if number >= len(store.clips):
            raise HTTPException(404, "No such clip.")
        return FileResponse(store.clips[number].path, media_type="video/mp4")

    async def play(request: Request) -> Response:
        number: int = request.path_params["number"]
        if not choice.make(number):
            raise HTTPException(404, "No such clip.")
        return JSONResponse({"playing": number}, status_code=202)

    return [
        Route("/demo/sound/{number:int}", sound),
        Route("/demo/play/{number:int}", play, methods=["POST"]),
    ]
