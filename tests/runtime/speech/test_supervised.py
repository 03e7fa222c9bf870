from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from runtime.errors import SpeechError
from runtime.speech.child import VoskRecognizer
from runtime.speech.fake import ScriptedRecognizer
from runtime.speech.recognizer import Recognizer, Transcript
from runtime.speech.supervised import SupervisedRecognizer

SECOND = bytes(32_000)


class Clock:
    now_s = 100.0

    def __call__(self) -> float:
        return self.now_s


class Frail(ScriptedRecognizer):
    """A scripted recognizer that fails where told."""

    def __init__(self) -> None:
        super().__init__([(second, f"word{second}") for second in range(1, 100)])
        self.broken = False
        self.opened = 0

    def open(self) -> None:
        self.opened += 1
        self.check()

    def accept(self, pcm: bytes) -> Transcript:
        self.check()
        return super().accept(pcm)

    def finish(self) -> Transcript:
        self.check()
        return super().finish()

    def reset(self) -> None:
        self.check()
        super().reset()

    def check(self) -> None:
        if self.broken:
            raise SpeechError("speech stopped", why="the test says so", fix="none")


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def frail() -> Frail:
    return Frail()


@pytest.fixture
def supervised(frail: Frail, clock: Clock) -> SupervisedRecognizer:
    recognizer = SupervisedRecognizer(frail, clock=clock)
    recognizer.open()
    return recognizer


def test_both_are_recognizers(supervised: SupervisedRecognizer, frail: Frail) -> None:
    assert isinstance(supervised, Recognizer)
    assert isinstance(frail, Recognizer)
    assert isinstance(VoskRecognizer(Path()), Recognizer)


def test_it_hands_everything_through_while_all_is_well(supervised: SupervisedRecognizer) -> None:
    assert supervised.live
    assert supervised.accept(SECOND) == Transcript(partial="word1")
    assert supervised.finish() == Transcript(final="word1")
    assert supervised.accept(SECOND) == Transcript(final="word1", partial="word2")
    supervised.reset()
    assert supervised.accept(b"") == Transcript()


def test_failures_become_silence_with_the_final_words_kept(
    supervised: SupervisedRecognizer, frail: Frail
) -> None:
    supervised.accept(SECOND)
    supervised.finish()
    frail.broken = True
    assert supervised.accept(SECOND) == Transcript(final="word1")
    assert not supervised.live
    assert supervised.error is not None
    assert supervised.finish() == Transcript(final="word1")
    supervised.reset()
    assert supervised.accept(SECOND) == Transcript()


def test_words_forgotten_while_it_was_down_do_not_come_back(
    supervised: SupervisedRecognizer, frail: Frail, clock: Clock
) -> None:
    supervised.accept(SECOND)
    supervised.finish()
    frail.broken = True
    supervised.accept(SECOND)
    supervised.reset()
    frail.broken = False
    clock.now_s += 1.0
    assert supervised.accept(SECOND) == Transcript(partial="word2")


def test_restarts_are_spaced_1_2_5_10_10_seconds(
    supervised: SupervisedRecognizer, frail: Frail, clock: Clock
) -> None:
    frail.broken = True
    supervised.accept(SECOND)
    attempts_s = []
    for _ in range(400):
        before = frail.opened
        clock.now_s += 0.1
        supervised.accept(SECOND)
        if frail.opened > before:
            attempts_s.append(clock.now_s - 100)
    assert attempts_s == pytest.approx([1, 3, 8, 18, 28, 38], abs=0.61)
    frail.broken = False
    clock.now_s += 10
    assert supervised.accept(SECOND) == Transcript(partial="word1")
    assert supervised.live
    assert supervised.error is None
    assert supervised.restarts == 1


def test_the_wait_is_short_again_once_it_has_worked(
    supervised: SupervisedRecognizer, frail: Frail, clock: Clock
) -> None:
    for _ in range(5):
        frail.broken = True
        supervised.accept(SECOND)
        frail.broken = False
        clock.now_s += 1.0
        supervised.accept(SECOND)
        assert supervised.live
    assert supervised.restarts == 5


def test_a_failed_start_is_kept_and_tried_again(frail: Frail, clock: Clock) -> None:
    frail.broken = True
    supervised = SupervisedRecognizer(frail, clock=clock)
    supervised.open()
    assert supervised.accept(SECOND) == Transcript()
    assert supervised.error is not None
    frail.broken = False
    clock.now_s += 1.0
    supervised.accept(SECOND)
    assert supervised.live


def test_a_closed_one_does_not_restart(
    supervised: SupervisedRecognizer, frail: Frail, clock: Clock
) -> None:
    frail.broken = True
    supervised.accept(SECOND)
    supervised.close()
    frail.broken = False
    clock.now_s += 100
    assert supervised.accept(SECOND) == Transcript()
    assert frail.opened == 1
    supervised.close()


def test_a_real_process_that_is_killed_comes_back(speech_model: Path, clock: Clock) -> None:
    recognizer = VoskRecognizer(speech_model, timeout_s=20)
    supervised = SupervisedRecognizer(recognizer, clock=clock)
    supervised.open()
    try:
        first = recognizer.pid
        assert first is not None
        os.kill(first, signal.SIGKILL)
        supervised.accept(SECOND)
        assert not supervised.live
        clock.now_s += 1.0
        supervised.accept(SECOND)
        assert supervised.live
        assert recognizer.pid not in (first, None)
    finally:
        supervised.close()
    assert recognizer.pid is None
