from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator

import pytest
from starlette.testclient import TestClient

from runtime.demo.board import Board
from runtime.demo.choice import Choice
from runtime.demo.player import Player, answers
from runtime.demo.routes import demo_routes
from runtime.demo.store import Store
from runtime.errors import ClipError
from runtime.kiosk.hub import Hub
from runtime.kiosk.server import kiosk_app
from runtime.kiosk.shelf import Shelf
from runtime.kiosk.state import Hearing, Phase, Screen
from runtime.speech.fake import ScriptedRecognizer
from tests.runtime.kiosk.stand_in import ColourMatcher, store_catalog

PATIENCE_S = 30.0


class Rig:
    """A player with every screen it showed."""

    def __init__(self, store: Store, *, once: bool = True, pause_s: float = 0.0) -> None:
        catalog = store_catalog()
        self.hub, self.shelf, self.choice = Hub(), Shelf(), Choice(len(store.clips))
        self.shelf.fill(catalog)
        self.screens: list[Screen] = []
        self.hub.subscribe(lambda: self.screens.append(self.hub.screen))
        self.player = Player(
            store,
            ColourMatcher(None, catalog),
            ScriptedRecognizer([(0.5, "salted"), (2.0, "crisps")]),
            Board(store, self.hub, self.shelf, lambda: Hearing.ON),
            self.choice,
            once=once,
            pause_s=pause_s,
        )

    def until(self, met: Callable[[], bool]) -> None:
        deadline = time.monotonic() + PATIENCE_S
        while not met():
            assert time.monotonic() < deadline, self.hub.screen
            time.sleep(0.01)

    def playing(self) -> int | None:
        return self.hub.screen.demo.playing if self.hub.screen.demo else None


@pytest.fixture
def short(store: Store) -> Store:
    """Two clips only."""
    return Store(store.feed, store.clips[:2])


@pytest.fixture
def rig(short: Store) -> Iterator[Rig]:
    rig = Rig(short, once=False, pause_s=30)
    rig.player.open()
    yield rig
    rig.player.close()


def test_every_clip_is_answered_from_its_pixels_and_sound(short: Store) -> None:
    recognizer = ScriptedRecognizer([(0.5, "salted"), (1.0, "crisps")])
    first, second = answers(short, ColourMatcher(None, store_catalog()), recognizer)
    assert first.as_dict() == {
        "clip": "clips/01.mp4",
        "expected": "sto-000",
        "answer": "sto-000",
        "transcript": "salted crisps",
        "correct": True,
        "confidence": pytest.approx(first.confidence, abs=1e-6),
    }
    assert len(first.moments) > 10
    assert all(moment.frame.image.size == 0 for moment in first.moments)
    assert second.clip.expected == "sto-044"


def test_without_a_recognizer_pictures_alone_answer(short: Store) -> None:
    matcher = ColourMatcher(None, store_catalog())
    assert [answer.transcript for answer in answers(short, matcher, None)] == ["", ""]


@pytest.mark.slow
def test_the_page_is_told_what_was_expected_only_with_the_answer(short: Store) -> None:
    rig = Rig(short)
    with rig.player as player:
        player.wait(PATIENCE_S)
    views = [screen.demo for screen in rig.screens if screen.demo]
    before = [v.clips[0] for v in views if v.playing == 0 and not v.answered]
    assert before
    assert all(card.expected is card.answer is card.correct is None for card in before)
    last = views[-1]
    assert [card.correct for card in last.clips] == [True, last.clips[1].answer == "sto-044"]
    assert last.clips[0].expected_title == "Salted crisps"
    assert rig.hub.screen.phase is Phase.LIVE
    heard = [screen.speech.text for screen in rig.screens if screen.demo]
    assert heard.index("salted") < heard.index("salted crisps")
    assert rig.hub.latest.picture_number > 20


def test_a_clip_can_be_chosen_at_any_time(rig: Rig, short: Store) -> None:
    rig.until(lambda: rig.playing() == 0)
    app = kiosk_app(rig.hub, rig.shelf, more=demo_routes(short, rig.choice))
    client = TestClient(app, base_url="http://127.0.0.1")
    assert client.post("/demo/play/1").status_code == 202
    rig.until(lambda: rig.playing() == 1)
    assert client.post("/demo/play/0").status_code == 202
    rig.until(lambda: rig.playing() == 0)
    assert rig.hub.screen.demo is not None
    assert rig.hub.screen.demo.run == 3


def test_routes_know_only_their_clips(rig: Rig, short: Store) -> None:
    app = kiosk_app(rig.hub, rig.shelf, more=demo_routes(short, rig.choice))
    client = TestClient(app, base_url="http://127.0.0.1")
    sound = client.get("/demo/sound/1", headers={"range": "bytes=4-7"})
    assert (sound.status_code, sound.content) == (206, b"ftyp")
    assert sound.headers["content-type"] == "video/mp4"
    assert client.get("/demo/sound/2").status_code == 404
    assert client.get("/demo/sound/-1").status_code == 404
    assert client.get("/demo/sound/..").status_code == 404
    assert client.post("/demo/play/2").status_code == 404
    assert client.get("/demo/play/1").status_code == 405
    foreign = {"origin": "http://evil.example"}
    assert client.post("/demo/play/1", headers=foreign).status_code == 403


def test_it_stops_while_a_clip_plays(rig: Rig) -> None:
    rig.until(lambda: rig.playing() == 0)
    begun = time.monotonic()
    rig.player.close()
    rig.player.close()
    assert time.monotonic() - begun < 2
    assert "player" not in {thread.name for thread in threading.enumerate()}


def test_a_damaged_clip_ends_the_player_with_its_error(short: Store, tmp_path_factory) -> None:
    broken = tmp_path_factory.mktemp("clips") / "broken.mp4"
    broken.write_bytes(b"not a film")
    clip = short.clips[0]
    rig = Rig(Store(short.feed, (type(clip)(clip.name, broken, clip.expected),)))
    rig.player.open()
    with pytest.raises(ClipError):
        rig.player.wait(PATIENCE_S)
    rig.player.close()


def test_a_wish_is_taken_once() -> None:
    choice = Choice(3)
    assert (choice.pending, choice.take()) == (False, None)
    assert choice.make(2)
    assert not choice.make(3)
    assert (choice.pending, choice.take(), choice.pending, choice.take()) == (True, 2, False, None)
    choice.cancel()
    assert (choice.pending, choice.take()) == (True, None)


def test_a_wish_made_while_another_is_taken_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    choice = Choice(3)
    choice.make(1)
    clear = choice._made.clear
    late = threading.Thread(target=choice.make, args=(2,))

    def clear_slowly() -> None:
        clear()
        late.start()
        late.join(0.2)

    monkeypatch.setattr(choice._made, "clear", clear_slowly)
    assert choice.take() == 1
    late.join()
    monkeypatch.undo()
    assert (choice.pending, choice.take()) == (True, 2)
