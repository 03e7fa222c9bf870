from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from runtime.capture.sound import read_sound
from runtime.errors import SpeechError
from runtime.speech.child import VoskRecognizer
from runtime.speech.recognizer import Recognizer, Transcript
from tests.runtime.capture.media import write_rewired_wav

SECOND = bytes(32_000)
PATIENCE_S = 20.0


def hear(recognizer: Recognizer, path: Path) -> str:
    recognizer.reset()
    for block in read_sound(path):
        recognizer.accept(block.pcm)
    return recognizer.finish().final


def errors(said: str, heard: str) -> int:
    """Words to insert, delete or replace."""
    reference, words = said.split(), heard.split()
    row = list(range(len(words) + 1))
    for i, expected in enumerate(reference, start=1):
        diagonal, row[0] = row[0], i
        for j, word in enumerate(words, start=1):
            diagonal, row[j] = (
                row[j],
                min(row[j] + 1, row[j - 1] + 1, diagonal + (expected != word)),
            )
    return row[-1]


def is_running(pid: int) -> bool:
    """False for zombies too."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


def wait_until_gone(pid: int) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while is_running(pid):
        if time.monotonic() > deadline:
            pytest.fail(f"process {pid} is still running")
        time.sleep(0.01)


def test_sentences_are_understood(vosk: VoskRecognizer, sentences: dict[Path, str]) -> None:
    wrong = sum(errors(said, hear(vosk, path)) for path, said in sentences.items())
    assert wrong <= 2


def test_sound_at_44100_hz_in_stereo_is_understood(
    vosk: VoskRecognizer, sentences: dict[Path, str], tmp_path: Path
) -> None:
    wrong = 0
    for path, said in sentences.items():
        copy = write_rewired_wav(tmp_path / path.name, path, rate=44_100, stereo=True)
        wrong += errors(said, hear(vosk, copy))
    assert wrong <= 2


def test_sound_at_8000_hz_is_mostly_understood(
    vosk: VoskRecognizer, sentences: dict[Path, str], tmp_path: Path
) -> None:
    """Half the band is gone; the words that stay prove that pitch and pace are right."""
    wrong, total = 0, 0
    for path, said in sentences.items():
        copy = write_rewired_wav(tmp_path / path.name, path, rate=8_000, stereo=False)
        wrong += errors(said, hear(vosk, copy))
        total += len(said.split())
    assert wrong < total / 2


def test_partial_words_come_before_final_ones(
    vosk: VoskRecognizer, sentences: dict[Path, str]
) -> None:
    path, said = next(iter(sentences.items()))
    partials = [vosk.accept(block.pcm).partial for block in read_sound(path)]
    assert any(partials)
    assert said.startswith(next(filter(None, partials)))
    assert vosk.finish() == Transcript(final=said)


@pytest.mark.parametrize("size", [1, 333, 6_400, 1_000_000])
def test_the_text_does_not_depend_on_how_sound_is_cut(
    vosk: VoskRecognizer, sentences: dict[Path, str], size: int
) -> None:
    """Odd sizes leave half samples, which must not shift what follows."""
    path, said = next(iter(sentences.items()))
    pcm = b"".join(block.pcm for block in read_sound(path))
    for start in range(0, len(pcm) if size > 1 else 9_001, size):
        vosk.accept(pcm[start : start + size])
    if size == 1:
        vosk.accept(pcm[9_001:])
    assert vosk.finish().final == said


def test_sentences_join_until_reset(vosk: VoskRecognizer, sentences: dict[Path, str]) -> None:
    (first, second), texts = list(sentences)[:2], list(sentences.values())[:2]
    for path in (first, second):
        for block in read_sound(path):
            vosk.accept(block.pcm)
        transcript = vosk.finish()
    assert transcript.final == " ".join(texts)
    vosk.reset()
    assert vosk.accept(b"") == Transcript()
    assert vosk.finish() == Transcript()


def test_an_utterance_ends_by_itself_after_a_pause(
    vosk: VoskRecognizer, sentences: dict[Path, str]
) -> None:
    path, said = next(iter(sentences.items()))
    for block in read_sound(path):
        vosk.accept(block.pcm)
    assert vosk.accept(SECOND * 2) == Transcript(final=said)


def test_silence_says_nothing(vosk: VoskRecognizer) -> None:
    assert vosk.accept(SECOND * 20) == Transcript()
    assert vosk.finish() == Transcript()


def test_empty_sound_is_fine(vosk: VoskRecognizer) -> None:
    assert vosk.accept(b"") == Transcript()
    assert vosk.accept(b"\0") == Transcript()


def test_using_it_before_open_says_so(speech_model: Path) -> None:
    with pytest.raises(SpeechError, match="open the recognizer"):
        VoskRecognizer(speech_model).finish()


def test_a_relative_model_path_works(speech_model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(speech_model.parent)
    recognizer = VoskRecognizer(Path(speech_model.name))
    recognizer.open()
    recognizer.close()


def test_close_is_legal_in_every_state_and_leaves_no_process(speech_model: Path) -> None:
    recognizer = VoskRecognizer(speech_model)
    recognizer.close()
    recognizer.open()
    pid = recognizer.pid
    assert pid is not None
    assert is_running(pid)
    recognizer.close()
    assert not Path(f"/proc/{pid}").exists()
    recognizer.close()
    assert recognizer.pid is None


def test_open_twice_keeps_one_process(vosk: VoskRecognizer) -> None:
    pid = vosk.pid
    vosk.open()
    assert vosk.pid == pid


def test_a_killed_process_is_reported_and_replaced(
    vosk: VoskRecognizer, sentences: dict[Path, str]
) -> None:
    path, said = next(iter(sentences.items()))
    assert hear(vosk, path) == said
    vosk.accept(next(read_sound(path)).pcm)
    pid = vosk.pid
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    with pytest.raises(SpeechError, match="SIGKILL") as death:
        vosk.accept(SECOND)
    assert death.value.fix
    assert not Path(f"/proc/{pid}").exists()
    vosk.open()
    assert vosk.accept(SECOND).final == said, "final words outlive their process"
    assert hear(vosk, path) == said


def test_a_hanging_process_meets_the_deadline(speech_model: Path) -> None:
    recognizer = VoskRecognizer(speech_model, timeout_s=0.3)
    recognizer.open()
    pid = recognizer.pid
    assert pid is not None
    os.kill(pid, signal.SIGSTOP)
    try:
        with pytest.raises(SpeechError, match=r"silent for 0\.3 s"):
            recognizer.accept(SECOND)
        assert not Path(f"/proc/{pid}").exists()
    finally:
        recognizer.close()


def test_close_from_another_thread_ends_a_waiting_call(speech_model: Path) -> None:
    recognizer = VoskRecognizer(speech_model, timeout_s=600)
    recognizer.open()
    assert recognizer.pid is not None
    os.kill(recognizer.pid, signal.SIGSTOP)
    raised: list[SpeechError] = []

    def wait() -> None:
        try:
            recognizer.accept(SECOND)
        except SpeechError as error:
            raised.append(error)

    waiting = threading.Thread(target=wait)
    waiting.start()
    time.sleep(0.2)
    recognizer.close()
    waiting.join(PATIENCE_S)
    assert not waiting.is_alive()
    assert len(raised) == 1


def test_a_process_that_grew_is_replaced_between_utterances(
    speech_model: Path, sentences: dict[Path, str]
) -> None:
    path, said = next(iter(sentences.items()))
    recognizer = VoskRecognizer(speech_model, memory_bytes=1)
    recognizer.open()
    first = recognizer.pid
    for block in read_sound(path):
        recognizer.accept(block.pcm)
        assert recognizer.pid == first, "not in the middle of an utterance"
    assert recognizer.finish().final == said
    assert recognizer.pid not in (first, None)
    recognizer.close()


def test_a_process_of_usual_size_is_kept(vosk: VoskRecognizer) -> None:
    pid = vosk.pid
    vosk.accept(SECOND)
    vosk.finish()
    vosk.reset()
    assert vosk.pid == pid


def test_no_orphan_is_left_when_the_program_is_killed(speech_model: Path) -> None:
    script = (
        "import sys, time\n"
        "from pathlib import Path\n"
        "from runtime.speech.child import VoskRecognizer\n"
        "recognizer = VoskRecognizer(Path(sys.argv[1]))\n"
        "recognizer.open()\n"
        "print(recognizer.pid, flush=True)\n"
        "time.sleep(600)\n"
    )
    parent = subprocess.Popen(
        [sys.executable, "-c", script, str(speech_model)], stdout=subprocess.PIPE, text=True
    )
    try:
        assert parent.stdout is not None
        pid = int(parent.stdout.readline())
        assert is_running(pid)
    finally:
        parent.kill()
        parent.communicate()
    wait_until_gone(pid)
