from __future__ import annotations

from runtime.kiosk.state import Speech
from runtime.kiosk.words import WordWindow
from runtime.speech.recognizer import Transcript


def test_finished_words_count_for_a_while_and_unfinished_ones_now() -> None:
    window = WordWindow(seconds=15)
    assert window.hear(Transcript("", "salted"), 0.0) == Speech("", "salted")
    assert window.hear(Transcript("salted crisps", ""), 1.0) == Speech("salted crisps", "")
    heard = window.hear(Transcript("salted crisps no added sugar", "try"), 10.0)
    assert heard == Speech("salted crisps no added sugar", "try")
    assert (
        window.hear(Transcript("salted crisps no added sugar", ""), 16.5).final == "no added sugar"
    )
    assert window.hear(Transcript("salted crisps no added sugar", ""), 25.5) == Speech()


def test_a_transcript_begun_anew_is_new() -> None:
    window = WordWindow(seconds=15)
    window.hear(Transcript("salted crisps"), 0.0)
    assert window.hear(Transcript(""), 1.0).final == "salted crisps"
    assert window.hear(Transcript("milk"), 2.0).final == "salted crisps milk"
