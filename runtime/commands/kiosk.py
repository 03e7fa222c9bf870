"""``sgmn kiosk``: a live camera, and if wanted a microphone, against a catalog."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import click

from runtime.commands.engines import tell_engines
from runtime.commands.options import (
    bundle_option,
    catalog_option,
    engine_options,
    speech_model_option,
)
from runtime.commands.output import note, printable
from runtime.commands.speech import NO_MODEL
from runtime.errors import UsageError

if TYPE_CHECKING:
    from runtime.capture.reopening import Status
    from runtime.engines.settings import EngineSettings
    from runtime.events import Event
    from runtime.kiosk.ears import Ears
    from runtime.kiosk.hub import Hub
    from runtime.kiosk.service import Service
    from runtime.kiosk.shelf import Shelf

_DEFAULT_MICROPHONE = "default"


@click.command()
@catalog_option
@click.option(
    "--camera",
    default="0",
    show_default=True,
    help="Number of a camera, its device path, or the URL of a stream.",
)
@click.option(
    "--microphone",
    is_flag=False,
    flag_value=_DEFAULT_MICROPHONE,
    metavar="[DEVICE]",
    help="Listen too. Without DEVICE: the system's default. Off unless given.",
)
@speech_model_option
@bundle_option
@engine_options
@click.option(
    "--rebuild/--no-rebuild",
    default=True,
    help="Build TensorRT engines that are missing or do not fit. Default: yes.",
)
@click.option("--host", default="127.0.0.1", show_default=True, help="Address of the page.")
@click.option(
    "--port", type=click.IntRange(0, 65535), default=8080, show_default=True, help="0: a free one."
)
@click.option("--no-page", is_flag=True, help="Events on stdout only.")
@click.option("--json", "as_json", is_flag=True, help="Print each event as one line of JSON.")
def kiosk(
    catalog_folder: Path,
    camera: str,
    microphone: str | None,
    speech_model: Path | None,
    bundle_folder: Path | None,
    engine: EngineSettings,
    rebuild: bool,
    host: str,
    port: int,
    no_page: bool,
    as_json: bool,
) -> None:
    """Show which product the camera sees, until Ctrl-C.

    An event is printed whenever what is shown changes.
    """
    if not camera.strip():
        raise UsageError(
            "--camera is empty",
            why="it names no camera",
            fix="give a number such as 0, a path below /dev/v4l/by-id, or a URL",
        )
    from runtime.bundle.current import bundle_in_use
    from runtime.capture.live_camera import LiveCamera
    from runtime.capture.reopening import ReopeningCamera
    from runtime.catalog.sqlite_catalog import SqliteCatalog
    from runtime.kiosk.engine import engine_info
    from runtime.kiosk.hub import Hub
    from runtime.kiosk.live import LiveLoop
    from runtime.kiosk.renewal import Renewal, open_or_build
    from runtime.kiosk.shelf import Shelf
    from runtime.kiosk.signals import ends_on_sigterm
    from runtime.matcher import Matcher
    from runtime.opening import open_network

    hub, shelf = Hub(), Shelf()
    with ExitStack() as opened:
        opened.enter_context(ends_on_sigterm())
        if not no_page:
            page = opened.enter_context(_page(hub, shelf, host, port))
            note(f"The page is on {page.url}")
        folder = bundle_folder or bundle_in_use()
        network = opened.enter_context(
            open_or_build(folder, engine, note) if rebuild else open_network(folder, engine)
        )
        tell_engines(network)
        catalog = opened.enter_context(SqliteCatalog.open(catalog_folder, network.bundle.digest))

        matcher = Matcher(network, catalog)

        def adopted() -> None:
            matcher.reset()
            hub.change(engine=engine_info(network))

        renewal = Renewal(network, adopted, note)

        def refresh() -> None:
            renewal.refresh()
            if catalog.refresh():
                hub.change(catalog_items=len(catalog.items()))

        shelf.fill(catalog)
        hub.change(engine=engine_info(network), catalog_items=len(catalog.items()))
        loop = LiveLoop(
            ReopeningCamera(lambda: LiveCamera(camera), on_state=_teller("Camera")),
            _ears(microphone, speech_model, hub),
            matcher,
            hub,
            _printer(as_json),
            refresh=refresh,
            on_stale=lambda why: note(f"Catalog not refreshed: {why}"),
        )
        if rebuild:
            opened.enter_context(renewal)
        opened.enter_context(loop)
        loop.wait()


def _page(hub: Hub, shelf: Shelf, host: str, port: int) -> Service:
    from runtime.kiosk.guard import LOOPBACK
    from runtime.kiosk.server import kiosk_app
    from runtime.kiosk.service import Service

    if host not in LOOPBACK:
        note(
            f"Warning: the page on {host} shows the camera and the words heard to everyone who "
            "reaches this machine. Only --host 127.0.0.1 keeps them here."
        )
    return Service(kiosk_app(hub, shelf, host=host), hub, host, port)


def _ears(microphone: str | None, speech_model: Path | None, hub: Hub) -> Ears | None:
    """The microphone where it was asked for and there is a speech model."""
    from runtime.capture.live_microphone import LiveMicrophone
    from runtime.capture.reopening import ReopeningMicrophone
    from runtime.kiosk.ears import Ears
    from runtime.kiosk.state import Hearing
    from runtime.kiosk.words import WordWindow
    from runtime.speech.child import VoskRecognizer
    from runtime.speech.model import check_model, find_model
    from runtime.speech.supervised import SupervisedRecognizer

    if microphone is None:
        return None
    model = find_model(speech_model)
    if model is None:
        note(NO_MODEL)
        hub.change(hearing=Hearing.NO_MODEL)
        return None
    check_model(model)
    device = _device(microphone)
    return Ears(
        ReopeningMicrophone(lambda: LiveMicrophone(device), on_state=_teller("Microphone")),
        SupervisedRecognizer(VoskRecognizer(model)),
        WordWindow(),
    )


def _device(microphone: str) -> int | str | None:
    if microphone == _DEFAULT_MICROPHONE:
        return None
    return int(microphone) if microphone.isdigit() else microphone


def _teller(name: str) -> Callable[[Status], None]:
    """Says on stderr how a device stands; once, however often it is tried again."""
    from runtime.capture.reopening import State

    said = ""

    def tell(status: Status) -> None:
        nonlocal said
        why = f": {status.error}" if status.error else ""
        text = f"{name} {status.state.value}{why}"
        if text != said and status.state is not State.CLOSED:
            said = text
            note(text)

    return tell


def _printer(as_json: bool) -> Callable[[Event], None]:
    """Prints events as they come; flushed, as whoever reads them waits for each."""

    def print_event(event: Event) -> None:
        line = json.dumps(event.as_dict()) if as_json else _sentence(event)
        click.echo(line)

    return print_event


def _sentence(event: Event) -> str:
    named = [f"{c.product_id} {printable(c.title)}" for c in event.candidates]
    if event.product_id is not None:
        title = next((c.title for c in event.candidates if c.product_id == event.product_id), "")
        return f"present  {event.product_id} {printable(title)} ({event.confidence:.2f})"
    if event.candidates:
        return f"unsure   {', '.join(named[:3])}"
    return "nothing"
