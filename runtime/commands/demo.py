"""``sgmn demo``: the bundled store on a machine with nothing: no camera, microphone or network."""

from __future__ import annotations

import os
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import click

from runtime.commands.engines import engines_told, tell_engines
from runtime.commands.options import bundle_option, engine_options, speech_model_option
from runtime.commands.output import json_option, note, print_json, progress, table
from runtime.commands.speech import NO_MODEL
from runtime.errors import UsageError

if TYPE_CHECKING:
    from runtime.catalog.catalog import Catalog
    from runtime.demo.choice import Choice
    from runtime.demo.player import Player
    from runtime.demo.store import Store
    from runtime.engines.settings import EngineSettings
    from runtime.kiosk.hub import Hub
    from runtime.kiosk.service import Service
    from runtime.kiosk.shelf import Shelf
    from runtime.network import Network
    from runtime.speech.recognizer import Recognizer

USUAL_PORT = 8765


@click.command()
@click.option("--headless", is_flag=True, help="No page: play all clips at once, print, exit.")
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    help=f"Port of the page; 0: a free one. Default: {USUAL_PORT}, or a free one where it is used.",
)
@click.option("--once", is_flag=True, help="End after the last clip instead of starting again.")
@click.option(
    "--open/--no-open",
    "open_browser",
    default=True,
    help="Open the page in a browser. Default: where there is a display.",
)
@bundle_option
@speech_model_option
@engine_options
@json_option
def demo(
    headless: bool,
    port: int | None,
    once: bool,
    open_browser: bool,
    bundle_folder: Path | None,
    speech_model: Path | None,
    engine: EngineSettings,
    as_json: bool,
) -> None:
    """Play the bundled store's clips and answer each of them.

    Nothing is scripted. The page on the loopback network, or the table with --headless, shows
    what the engines saw, heard and answered, computed from the pixels and the sound of each clip.
    """
    if as_json and not headless:
        raise UsageError(
            "--json needs --headless",
            why="the page goes on until Ctrl-C and has no one result",
            fix="run: sgmn demo --headless --json",
        )
    from runtime.bundle.current import bundle_in_use
    from runtime.demo.store import open_store, shipped_store
    from runtime.kiosk.signals import ends_on_sigterm

    store, bundle = open_store(shipped_store()), bundle_folder or bundle_in_use()
    with ends_on_sigterm():
        if headless:
            _headless(store, bundle, engine, _speech(speech_model), as_json)
        else:
            _page(store, bundle, engine, _speech(speech_model), port, once, open_browser)


def _speech(speech_model: Path | None) -> Path | None:
    """The speech model; without one, speech is off and that is said."""
    from runtime.speech.model import find_model

    model = find_model(speech_model)
    if model is None:
        note(NO_MODEL)
    return model


def _headless(
    store: Store, bundle: Path, engine: EngineSettings, model: Path | None, as_json: bool
) -> None:
    from runtime.demo.engines import demo_catalog, demo_recognizer
    from runtime.demo.player import answers
    from runtime.demo.report import COLUMNS, as_dict, row
    from runtime.matcher import Matcher
    from runtime.opening import open_network

    with ExitStack() as opened:
        network = opened.enter_context(open_network(bundle, engine))
        tell_engines(network)
        catalog = opened.enter_context(demo_catalog(store, network, progress))
        recognizer = opened.enter_context(demo_recognizer(model))
        playing = answers(store, Matcher(network, catalog), recognizer)
        found = list(progress(playing, label="Playing clips", total=len(store.clips)))
        if as_json:
            print_json({**as_dict(found, network, model), "engines": engines_told(network)})
            return
    correct = sum(answer.correct for answer in found)
    table(f"{correct} of {len(found)} clips answered correctly", COLUMNS, map(row, found))


def _page(
    store: Store,
    bundle: Path,
    engine: EngineSettings,
    model: Path | None,
    port: int | None,
    once: bool,
    open_browser: bool,
) -> None:
    """The page comes first, so that it can say what the kiosk is starting."""
    from runtime.demo.choice import Choice
    from runtime.demo.engines import demo_catalog, demo_recognizer
    from runtime.kiosk.engine import engine_info
    from runtime.kiosk.hub import Hub
    from runtime.kiosk.shelf import Shelf
    from runtime.opening import open_network

    hub, shelf, choice = Hub(), Shelf(), Choice(len(store.clips))
    with ExitStack() as opened:
        page = _service(hub, shelf, store, choice, port)
        opened.callback(page.close)
        note(f"The demo is on {page.url} until Ctrl-C.")
        if open_browser:
            _open_browser(page.url)
        network = opened.enter_context(open_network(bundle, engine))
        tell_engines(network)
        catalog = opened.enter_context(demo_catalog(store, network, progress))
        shelf.fill(catalog)
        hub.change(engine=engine_info(network), catalog_items=len(catalog.items()))
        recognizer = opened.enter_context(demo_recognizer(model))
        player = _player(store, network, catalog, recognizer, hub, shelf, choice, once)
        opened.enter_context(player)
        player.wait()


def _player(
    store: Store,
    network: Network,
    catalog: Catalog,
    recognizer: Recognizer | None,
    hub: Hub,
    shelf: Shelf,
    choice: Choice,
    once: bool,
) -> Player:
    from runtime.demo.board import Board
    from runtime.demo.player import Player
    from runtime.kiosk.state import Hearing
    from runtime.matcher import Matcher
    from runtime.speech.supervised import SupervisedRecognizer

    steady = SupervisedRecognizer(recognizer) if recognizer is not None else None
    if steady is not None:
        steady.open()

    def hearing() -> Hearing:
        if steady is None:
            return Hearing.NO_MODEL
        return Hearing.ON if steady.live else Hearing.LOST

    board = Board(store, hub, shelf, hearing)
    return Player(store, Matcher(network, catalog), steady, board, choice, once=once)


def _service(hub: Hub, shelf: Shelf, store: Store, choice: Choice, port: int | None) -> Service:
    """The page's server, open: on the port asked for, else the usual one, else a free one."""
    from runtime.demo.routes import demo_routes
    from runtime.kiosk.server import kiosk_app
    from runtime.kiosk.service import Service

    app = kiosk_app(hub, shelf, more=demo_routes(store, choice))
    try:
        service = Service(app, hub, "127.0.0.1", USUAL_PORT if port is None else port)
        service.open()
    except UsageError:
        if port is not None:
            raise
        service = Service(app, hub, "127.0.0.1", 0)
        service.open()
    return service


def _open_browser(url: str) -> None:
    """Only where there is a display: elsewhere a text browser would take over the terminal."""
    if os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"):
        import webbrowser

        webbrowser.open(url)
