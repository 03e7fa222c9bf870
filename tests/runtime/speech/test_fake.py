from __future__ import annotations

import pytest

from runtime.speech.fake import ScriptedRecognizer
from runtime.speech.recognizer import Transcript

SECOND = bytes(32_000)


@pytest.fixture
def recognizer() -> ScriptedRecognizer:
    scripted = ScriptedRecognizer([(0.5, "red"), (1.5, "leather"), (2.0, "bag"), (3.0, "sale")])
    scripted.open()
    return scripted


def test_words_come_when_their_sound_has_been_heard(recognizer: ScriptedRecognizer) -> None:
    assert recognizer.accept(SECOND[:15_998]) == Transcript()
    assert recognizer.accept(SECOND[:2]) == Transcript(partial="red")
    assert recognizer.accept(SECOND[:16_000]).partial == "red"
    assert recognizer.accept(SECOND) == Transcript(partial="red leather bag")


def test_finish_makes_words_final(recognizer: ScriptedRecognizer) -> None:
    recognizer.accept(SECOND * 2)
    assert recognizer.finish() == Transcript(final="red leather bag")
    assert recognizer.accept(SECOND) == Transcript(final="red leather bag", partial="sale")


def test_reset_forgets_words_but_the_speaker_goes_on(recognizer: ScriptedRecognizer) -> None:
    recognizer.accept(SECOND * 2)
    recognizer.reset()
    assert recognizer.accept(SECOND) == Transcript(partial="sale")


def test_open_starts_the_script_again(recognizer: ScriptedRecognizer) -> None:
    recognizer.accept(SECOND * 4)
    recognizer.close()
    recognizer.open()
    assert recognizer.accept(SECOND) == Transcript(partial="red")
