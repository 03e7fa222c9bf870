"""A recognizer that comes back by itself."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from runtime.errors import SpeechError
from runtime.speech.recognizer import Recognizer, Transcript

BACKOFF_S = (1.0, 2.0, 5.0, 10.0)


class SupervisedRecognizer:
    """Wraps a `Recognizer` for the live kiosk: never raises, restarts for ever.

    While speech is down the final words stay and the partial ones are empty; sound given
    meanwhile is not heard.

    Args:
        recognizer: what to keep running.
        backoff_s: waits before the first, second, ... restart; the last one repeats.
        clock: seconds that never go back.
    """

    def __init__(
        self,
        recognizer: Recognizer,
        *,
        backoff_s: Sequence[float] = BACKOFF_S,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._recognizer = recognizer
        self._backoff_s = backoff_s
        self._clock = clock
        self._final = ""
        self._failures = 0
        self._due_s: float | None = None
        self.live = False
        self.error: SpeechError | None = None
        self.restarts = 0

    def open(self) -> None:
        """Start; a failure is kept in ``error`` and tried again during ``accept``."""
        self._start()

    def accept(self, pcm: bytes) -> Transcript:
        """The transcript so far; starts speech again when its time has come."""
        if self._is_due() and self._start():
            self.restarts += 1
        return self._guarded(lambda: self._recognizer.accept(pcm))

    def finish(self) -> Transcript:
        """End the utterance."""
        return self._guarded(self._recognizer.finish)

    def reset(self) -> None:
        """Forget everything heard."""
        self._final = ""
        self._guarded(self._forget)

    def close(self) -> None:
        """End the process and stop restarting."""
        self.live, self._due_s, self._final = False, None, ""
        self._recognizer.close()

    def _forget(self) -> Transcript:
        self._recognizer.reset()
        return Transcript()

    def _is_due(self) -> bool:
        return self._due_s is not None and self._clock() >= self._due_s

    def _start(self) -> bool:
        try:
            self._recognizer.open()
            if not self._final:  # it may still hold what was forgotten while it was down
                self._recognizer.reset()
        except SpeechError as failure:
            self._lose(failure)
            return False
        self.live, self._due_s, self.error = True, None, None
        return True

    def _guarded(self, call: Callable[[], Transcript]) -> Transcript:
        if not self.live:
            return Transcript(self._final)
        try:
            transcript = call()
        except SpeechError as failure:
            self._lose(failure)
            return Transcript(self._final)
        self._failures = 0
        self._final = transcript.final
        return transcript

    def _lose(self, failure: SpeechError) -> None:
        self.live, self.error = False, failure
        wait_s = self._backoff_s[min(self._failures, len(self._backoff_s) - 1)]
        self._failures += 1
        self._due_s = self._clock() + wait_s
