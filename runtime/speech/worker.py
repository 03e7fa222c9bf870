"""The speech process: ``python -m runtime.speech.worker MODEL_DIR``.

Vosk ends the whole process on some faults (bad graphs, bad grammars) and grows over hours, so it
lives here, on its own. Requests come on stdin and answers leave on stdout as `runtime.speech.wire`
says; each answer is ``{"text": finished words, "partial": words still being spoken}``.
"""

from __future__ import annotations

import json
import os
import select
import signal
import sys
import threading
from typing import TYPE_CHECKING, Any, BinaryIO

from runtime.capture.microphone import SAMPLE_RATE
from runtime.speech.wire import ACCEPT, CLOSE, FINISH, HEADER, MOST_BYTES, RESET

if TYPE_CHECKING:
    from vosk import KaldiRecognizer, Model

_SLICE_BYTES = SAMPLE_RATE // 5 * 2  # Vosk looks for the end of speech once a call
_RENEW_BYTES = SAMPLE_RATE * 2 * 60 * 5  # from here on, renew at the next end of speech
_FORCE_BYTES = SAMPLE_RATE * 2 * 60 * 10  # from here on, renew in the middle of speech
_UNKNOWN = "[unk]"


class Ear:
    """One speech model and the recogniser of the current session."""

    def __init__(self, model: Model) -> None:
        self._model = model
        self._recognizer: KaldiRecognizer | None = None
        self._odd = b""
        self._fed = 0

    def accept(self, pcm: bytes) -> dict[str, str]:
        """Feed PCM of any length; a byte that is half a sample waits for the next call."""
        pcm = self._odd + pcm
        even = len(pcm) // 2 * 2
        self._odd = pcm[even:]
        texts = [
            self._feed(pcm[start : min(start + _SLICE_BYTES, even)])
            for start in range(0, even, _SLICE_BYTES)
        ]
        partial = _words(self._recognizer.PartialResult(), "partial") if self._recognizer else ""
        return {"text": " ".join(filter(None, texts)), "partial": partial}

    def finish(self) -> dict[str, str]:
        """End the utterance and the session."""
        text = _words(self._recognizer.FinalResult(), "text") if self._recognizer else ""
        return {**self.reset(), "text": text}

    def reset(self) -> dict[str, str]:
        """Forget the session; recognisers grow, so the next one is new."""
        self._recognizer, self._odd, self._fed = None, b"", 0
        return {"text": "", "partial": ""}

    def _feed(self, pcm: bytes) -> str:
        if self._recognizer is None:
            from vosk import KaldiRecognizer

            self._recognizer = KaldiRecognizer(self._model, SAMPLE_RATE)
        self._fed += len(pcm)
        ended = self._recognizer.AcceptWaveform(pcm)
        if self._fed >= _FORCE_BYTES or (ended and self._fed >= _RENEW_BYTES):
            text = _words(self._recognizer.FinalResult(), "text")
            self._recognizer, self._fed = None, 0
            return text
        return _words(self._recognizer.Result(), "text") if ended else ""


def _words(result: str, field: str) -> str:
    # Right after the end of an utterance Vosk answers a partial request with an empty "text".
    words = json.loads(result).get(field, "").split()
    return " ".join(word for word in words if word != _UNKNOWN)


def _serve(ear: Ear, requests: BinaryIO, answers: BinaryIO) -> None:
    while header := requests.read(HEADER.size):
        if len(header) < HEADER.size:
            return
        operation, length = HEADER.unpack(header)
        if operation == CLOSE:
            return
        if length > MOST_BYTES:
            _answer(answers, {"error": f"a request of {length} bytes"})
            return
        pcm = requests.read(length)
        if len(pcm) < length:
            return
        if operation == ACCEPT:
            _answer(answers, ear.accept(pcm))
        elif operation == FINISH:
            _answer(answers, ear.finish())
        elif operation == RESET:
            _answer(answers, ear.reset())
        else:
            _answer(answers, {"error": f"an unknown request {operation!r}"})
            return


def _answer(answers: BinaryIO, value: dict[str, Any]) -> None:
    answers.write(json.dumps(value, ensure_ascii=False).encode() + b"\n")
    answers.flush()


def _load(folder: str) -> Ear:
    """Load the model and try it: a damaged graph loads quietly and ends the process when used."""
    import vosk

    vosk.SetLogLevel(-1)
    ear = Ear(vosk.Model(os.path.abspath(folder)))
    ear.accept(bytes(_SLICE_BYTES))
    ear.finish()
    return ear


def _end_with_parent() -> None:
    """End at once when the other end of stdin is gone, even in the middle of native code.

    PR_SET_PDEATHSIG will not do: it follows the parent's thread, not the parent.
    """
    hang_up = select.poll()
    hang_up.register(sys.stdin.fileno(), 0)  # an empty mask still reports POLLHUP
    hang_up.poll()
    os._exit(0)


def main(arguments: list[str]) -> int:
    """Serve until stdin ends.

    Args:
        arguments: the folder of the speech model, alone.
    """
    if len(arguments) != 1:
        sys.stderr.write("usage: python -m runtime.speech.worker MODEL_DIR\n")
        return 2
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the parent, which ends us
    with os.fdopen(os.dup(1), "wb") as answers:
        os.dup2(2, 1)  # whatever native code prints must not land among the answers
        threading.Thread(target=_end_with_parent, daemon=True).start()
        try:
            ear = _load(arguments[0])
        except Exception as failure:  # noqa: BLE001 - Vosk raises plain Exception; the parent is told
            _answer(answers, {"error": str(failure) or type(failure).__name__})
            return 1
        _answer(answers, {"ready": True})
        _serve(ear, sys.stdin.buffer, answers)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
