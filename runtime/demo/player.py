"""Plays the demo's clips: at once for the terminal, at their own pace for the page."""

from __future__ import annotations

import threading
from collections.abc import Generator, Iterator
from contextlib import closing

from runtime.demo.answer import Answer, conclude
from runtime.demo.board import Board
from runtime.demo.choice import Choice
from runtime.demo.store import DemoClip, Store
from runtime.kiosk.waiting import wait_for
from runtime.lifecycle import Openable
from runtime.matcher import Matcher
from runtime.playback import Moment, Words, play
from runtime.speech.recognizer import Recognizer

PAUSE_S = 5.0
"""How long an answer stays on the page before the next clip."""

STOP_S = 2.0


def answers(store: Store, matcher: Matcher, recognizer: Recognizer | None) -> Iterator[Answer]:
    """Play every clip as fast as the engines go.

    Args:
        store: the clips.
        matcher: over the store's catalog.
        recognizer: open, or None where speech is off.

    Raises:
        SpeechError: the recognizer failed.
    """
    for clip in store.clips:
        moments = _moments(clip, matcher, recognizer, paced=False)
        yield conclude(clip, [moment.without_picture() for moment in moments])


def _moments(
    clip: DemoClip, matcher: Matcher, recognizer: Recognizer | None, *, paced: bool
) -> Generator[Moment, None, None]:
    """The same path as `sgmn match`: pixels and sound of the file, and nothing else."""
    words = Words(sound=clip.path, recognizer=recognizer) if recognizer else Words()
    yield from play(clip.path, words, matcher, paced=paced)


class Player(Openable):
    """Plays clip after clip on a board, in a thread of its own.

    Args:
        store: the clips.
        matcher: used by the player's thread only.
        recognizer: open, or None where speech is off; one that restarts itself.
        board: told of everything.
        choice: where the page's wishes arrive.
        once: end after the last clip instead of beginning again.
        pause_s: how long an answer stays before the next clip.
    """

    def __init__(
        self,
        store: Store,
        matcher: Matcher,
        recognizer: Recognizer | None,
        board: Board,
        choice: Choice,
        *,
        once: bool = False,
        pause_s: float = PAUSE_S,
    ) -> None:
        self._store = store
        self._matcher = matcher
        self._recognizer = recognizer
        self._board = board
        self._choice = choice
        self._once = once
        self._pause_s = pause_s
        self._stop = threading.Event()
        self._ended = threading.Event()
        self._failure: BaseException | None = None
        self._thread: threading.Thread | None = None

    def open(self) -> None:
        """Start with the first clip."""
        self._thread = threading.Thread(target=self._run, name="player", daemon=True)
        self._thread.start()

    def wait(self, timeout_s: float | None = None) -> None:
        """Wait until the player ends by itself.

        Raises:
            SgmnError: a clip or an engine failed.
        """
        wait_for(self._ended, timeout_s)
        if self._failure is not None:
            raise self._failure

    def close(self) -> None:
        """Stop within two seconds; legal in every state."""
        self._stop.set()
        self._choice.cancel()
        thread, self._thread = self._thread, None
        if thread is not None:
            thread.join(STOP_S)

    def _run(self) -> None:
        number: int | None = self._choice.take() or 0
        try:
            while number is not None and not self._stop.is_set():
                self._play(number)
                number = self._following(number)
        except Exception as failure:  # noqa: BLE001 - handed to whoever waits for the player
            self._failure = failure
        self._ended.set()

    def _play(self, number: int) -> None:
        """Play one clip to its answer, or until another one is wished for."""
        clip = self._store.clips[number]
        self._board.begin(number)
        kept = []
        with closing(_moments(clip, self._matcher, self._recognizer, paced=True)) as moments:
            for moment in moments:
                if self._choice.pending:
                    return
                kept.append(moment.without_picture())
                self._board.show(moment)
        self._board.answer(number, conclude(clip, kept))

    def _following(self, number: int) -> int | None:
        self._choice.wait(self._pause_s)
        wish = self._choice.take()
        if wish is not None:
            return wish
        last = number + 1 == len(self._store.clips)
        return None if last and self._once else (number + 1) % len(self._store.clips)
