from __future__ import annotations

import time
from collections.abc import Iterator, Mapping

import pytest

from runtime.capture.fake import FakeMicrophone
from runtime.capture.reopening import Backoff, ReopeningMicrophone
from runtime.errors import MicrophoneError, SgmnError, SpeechError
from runtime.kiosk.ears import Ears
from runtime.kiosk.state import Hearing, Speech
from runtime.kiosk.words import WordWindow
from runtime.speech.fake import ScriptedRecognizer
from runtime.speech.recognizer import Transcript
from runtime.speech.supervised import SupervisedRecognizer

TENTH = bytes(3200)
LOST = MicrophoneError("no sound", why="unplugged", fix="plug it in")


class DyingRecognizer(ScriptedRecognizer):
    """Fails once, at its third block."""

    blocks = 0

    def accept(self, pcm: bytes) -> Transcript:
        self.blocks += 1
        if self.blocks == 3:
            raise SpeechError("speech recognition stopped", why="killed", fix="open it again")
        return super().accept(pcm)


def ears_on(
    blocks: int,
    recognizer: ScriptedRecognizer,
    faults: Mapping[int, SgmnError] | None = None,
    window_s: float = 15.0,
) -> Ears:
    microphone = FakeMicrophone([TENTH] * blocks, faults=faults or {})
    return Ears(
        ReopeningMicrophone(lambda: microphone, backoff=Backoff(0.01, 0.01)),
        SupervisedRecognizer(recognizer, backoff_s=(0.01,)),
        WordWindow(window_s),
    )


@pytest.fixture
def opened() -> Iterator[list[Ears]]:
    every: list[Ears] = []
    yield every
    for ears in every:
        ears.close()


def states(ears: Ears, rounds: int) -> list[tuple[Hearing, Speech]]:
    return [(ears.state, ears.listen()) for _ in range(rounds)]


def test_words_grow(opened: list[Ears]) -> None:
    ears = ears_on(3, ScriptedRecognizer([(0.1, "salted"), (0.3, "crisps")]))
    opened.append(ears)
    ears.open()
    spoken = [speech.text for _, speech in states(ears, 3)]
    assert spoken == ["salted", "salted", "salted crisps"]
    assert ears.state is Hearing.ON


def test_a_lost_microphone_is_said_and_comes_back(opened: list[Ears]) -> None:
    ears = ears_on(3, ScriptedRecognizer([]), faults={1: LOST})
    opened.append(ears)
    ears.open()
    seen = {state for state, _ in states(ears, 2)}
    deadline = time.monotonic() + 5
    while Hearing.LOST not in seen and time.monotonic() < deadline:
        seen.add(ears.state)
    while ears.state is not Hearing.ON and time.monotonic() < deadline:
        ears.listen()
    assert Hearing.LOST in seen
    assert ears.state is Hearing.ON


def test_a_dying_recognizer_is_said_and_comes_back(opened: list[Ears]) -> None:
    ears = ears_on(60, DyingRecognizer([(0.1, "milk")]))
    opened.append(ears)
    ears.open()
    heard = states(ears, 3)
    assert heard[-1][1].final == ""
    assert ears.state is Hearing.LOST
    time.sleep(0.02)
    ears.listen()
    assert ears.state is Hearing.ON


def test_the_recognizer_forgets_what_no_longer_counts(opened: list[Ears]) -> None:
    recognizer = ScriptedRecognizer([])
    ears = ears_on(2, recognizer, window_s=0.0)
    opened.append(ears)
    ears.open()
    recognizer._transcript = Transcript("old words")
    assert ears.listen() == Speech()
    assert recognizer._transcript == Transcript()


def test_close_is_legal_in_every_state() -> None:
    ears = ears_on(1, ScriptedRecognizer([]))
    ears.close()
    ears.open()
    ears.close()
    ears.close()
    assert ears.state is Hearing.LOST
