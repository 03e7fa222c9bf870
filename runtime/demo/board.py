"""The demo's side of the hub: what plays, what was heard and seen, what was answered."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from runtime.demo.answer import Answer
from runtime.demo.store import Store
from runtime.kiosk.hub import Hub
from runtime.kiosk.picture import as_jpeg, as_overlay
from runtime.kiosk.shelf import Shelf
from runtime.kiosk.state import ClipCard, DemoView, Hearing, Phase, Speech
from runtime.playback import Moment


class Board:
    """Writes the demo to a hub; used by one thread.

    Args:
        store: the clips.
        hub: what the page reads.
        shelf: for titles.
        hearing: asked at every step.
    """

    def __init__(
        self, store: Store, hub: Hub, shelf: Shelf, hearing: Callable[[], Hearing]
    ) -> None:
        self._hub = hub
        self._shelf = shelf
        self._hearing = hearing
        # No card says what is expected before its clip has been answered.
        self._view = DemoView(tuple(ClipCard(i, c.path.name) for i, c in enumerate(store.clips)))

    def begin(self, number: int) -> None:
        """A clip starts: the screen forgets the one before."""
        self._view = replace(self._view, playing=number, run=self._view.run + 1, answered=False)
        self._hub.change(
            demo=self._view,
            phase=Phase.LIVE,
            hearing=self._hearing(),
            speech=Speech(),
            ranked=(),
            event=None,
            attention=None,
        )

    def show(self, moment: Moment) -> None:
        """One step of the clip."""
        step = moment.step
        if not moment.last:
            self._hub.show(as_jpeg(moment.frame.image))
        self._hub.change(
            hearing=self._hearing(),
            speech=Speech(moment.transcript.final, moment.transcript.partial),
            ranked=step.candidates,
            event=step.event,
            latency_ms={**step.latency_ms, "speech": moment.speech_ms},
            attention=as_overlay(step.attention),
        )

    def answer(self, number: int, answer: Answer) -> None:
        """The clip is over: now, and only now, the page learns what was expected."""
        card = replace(
            self._view.clips[number],
            expected=answer.clip.expected,
            expected_title=self._shelf.title(answer.clip.expected),
            answer=answer.found,
            answer_title=self._shelf.title(answer.found),
            correct=answer.correct,
        )
        clips = (*self._view.clips[:number], card, *self._view.clips[number + 1 :])
        self._view = replace(self._view, clips=clips, answered=True)
        self._hub.change(demo=self._view)
