"""The recognizer that is used in stores: Vosk in a process of its own."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from runtime.capture.microphone import SAMPLE_RATE
from runtime.errors import SpeechError
from runtime.speech.model import check_model
from runtime.speech.process import SpeechProcess
from runtime.speech.recognizer import Transcript
from runtime.speech.wire import ACCEPT, FINISH, RESET, pack

_PIECE_BYTES = SAMPLE_RATE * 2  # a second of sound a request, so that a deadline means the same


class VoskRecognizer:
    """A `Recognizer` whose process may die, hang or grow without harm to the program.

    Sound in, words out, on the device: the model is always a local folder. After a `SpeechError`
    the process is gone and the final words are kept; ``open`` starts a new one that goes on from
    there. The unfinished words of the old process are lost.

    The transcript grows until ``reset``; call it for every presentation.

    Args:
        model: folder of a Vosk speech model.
        timeout_s: the longest time for one second of sound.
        open_timeout_s: the longest time to load the model.
        memory_bytes: above this resident size the process is replaced, between two utterances.
    """

    def __init__(
        self,
        model: Path,
        *,
        timeout_s: float = 5.0,
        open_timeout_s: float = 30.0,
        memory_bytes: int = 1 << 30,
    ) -> None:
        self._model = model
        self._timeout_s = timeout_s
        self._open_timeout_s = open_timeout_s
        self._memory_bytes = memory_bytes
        self._process: SpeechProcess | None = None
        self._transcript = Transcript()

    @property
    def pid(self) -> int | None:
        """Id of the speech process, None while there is none."""
        process = self._process
        return process.pid if process else None

    def open(self) -> None:
        """Start the process and load the model; nothing happens where it is already open.

        Raises:
            SpeechError: the model is missing or damaged, or its process did not start in time.
        """
        if self._process is not None:
            return
        model = self._model.expanduser().absolute()
        check_model(model)
        try:
            process = self._process = SpeechProcess(model)
        except OSError as failure:
            raise SpeechError(
                "the speech process cannot be started",
                why=str(failure),
                fix="free some memory, or raise the limit on processes",
            ) from failure
        try:
            process.answer(self._open_timeout_s)
        except SpeechError as failure:
            self._end()
            raise SpeechError(
                f"the speech model {model} cannot be loaded", why=failure.why, fix=failure.fix
            ) from failure

    def accept(self, pcm: bytes) -> Transcript:
        """Feed sound (16 kHz mono int16, any length) and get the transcript so far.

        Half a sample at the end is kept for the next call.

        Raises:
            SpeechError: the process died or did not answer in time; open it again.
        """
        for start in range(0, len(pcm), _PIECE_BYTES):
            self._take(self._ask(pack(ACCEPT, pcm[start : start + _PIECE_BYTES])))
        return self._transcript

    def finish(self) -> Transcript:
        """End the utterance: the unfinished words become final. Errors as in ``accept``."""
        self._take(self._ask(pack(FINISH)))
        self._recycle()
        return self._transcript

    def reset(self) -> None:
        """Forget everything heard, even where the process has died. Errors as in ``accept``."""
        self._transcript = Transcript()
        self._ask(pack(RESET))
        self._recycle()

    def close(self) -> None:
        """End the process within a second and forget everything; any thread may call this."""
        self._end()
        self._transcript = Transcript()

    def _ask(self, request: bytes) -> dict[str, Any]:
        process = self._process
        if process is None:
            raise SpeechError(
                "speech recognition is not running",
                why="it was not opened, or was closed",
                fix="open the recognizer first",
            )
        try:
            return process.ask(request, self._timeout_s)
        except SpeechError:
            self._transcript = Transcript(self._transcript.final)
            self._end()
            raise

    def _take(self, answer: dict[str, Any]) -> None:
        final = f"{self._transcript.final} {answer['text']}".strip()
        self._transcript = Transcript(final, answer["partial"])
        if answer["text"] and not answer["partial"]:
            self._recycle()

    def _recycle(self) -> None:
        process = self._process
        if process is not None and process.memory_bytes() > self._memory_bytes:
            self._end()
            self.open()

    def _end(self) -> None:
        process, self._process = self._process, None
        if process is not None:
            process.close()
