"""The speech process itself, spoken to over its pipes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from runtime.speech import worker
from runtime.speech.wire import ACCEPT, CLOSE, FINISH, HEADER, RESET, pack

PATIENCE_S = 30


def start(*arguments: str, modules: Path | None = None) -> subprocess.Popen[bytes]:
    """A speech process; ``modules`` is a folder whose Python modules go first."""
    return subprocess.Popen(
        [sys.executable, "-m", "runtime.speech.worker", *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        bufsize=0,
        env=os.environ | ({"PYTHONPATH": str(modules)} if modules else {}),
    )


@pytest.fixture
def process(speech_model: Path) -> Iterator[subprocess.Popen[bytes]]:
    with start(str(speech_model)) as process:
        assert answer(process) == {"ready": True}
        yield process
        process.kill()


def ask(process: subprocess.Popen[bytes], request: bytes) -> Any:
    assert process.stdin is not None
    process.stdin.write(request)
    return answer(process)


def answer(process: subprocess.Popen[bytes]) -> Any:
    assert process.stdout is not None
    return json.loads(process.stdout.readline())


def test_each_request_gets_one_line(process: subprocess.Popen[bytes]) -> None:
    nothing = {"text": "", "partial": ""}
    assert ask(process, pack(ACCEPT, bytes(3_200))) == nothing
    assert ask(process, pack(ACCEPT)) == nothing
    assert ask(process, pack(FINISH)) == nothing
    assert ask(process, pack(RESET)) == nothing
    assert ask(process, pack(FINISH)) == nothing


def test_close_ends_it(process: subprocess.Popen[bytes]) -> None:
    assert process.stdin is not None
    process.stdin.write(pack(CLOSE))
    assert process.wait(PATIENCE_S) == 0


@pytest.mark.parametrize("last_words", [b"", b"A", pack(ACCEPT, b"1234")[:-2]])
def test_the_end_of_input_ends_it(process: subprocess.Popen[bytes], last_words: bytes) -> None:
    out, _ = process.communicate(last_words, timeout=PATIENCE_S)
    assert (process.returncode, out) == (0, b"")


@pytest.mark.parametrize("request_", [pack(b"?"), HEADER.pack(ACCEPT, 1 << 30)])
def test_nonsense_is_refused(process: subprocess.Popen[bytes], request_: bytes) -> None:
    assert "error" in ask(process, request_)
    assert process.wait(PATIENCE_S) == 0


@pytest.mark.parametrize(
    "name", ["am/final.mdl", "graph/HCLr.fst", "graph/Gr.fst", "graph/words.txt"]
)
def test_a_damaged_model_is_an_answer_and_chatter_stays_off_stdout(
    speech_model: Path, tmp_path: Path, name: str
) -> None:
    """Half a graph loads without complaint, so this fails unless the model is tried out."""
    model = damaged_copy(speech_model, tmp_path / "model", name)
    with start(str(model)) as process:
        assert [*answer(process)] == ["error"]
        assert process.wait(PATIENCE_S) == 1
        assert process.stdout is not None
        assert process.stderr is not None
        assert process.stdout.read() == b""
        assert process.stderr.read(), "Kaldi says more on stderr"


NOISY_VOSK = """
import os, time
def SetLogLevel(level): os.write(1, b"noise of a native library on stdout")
def Model(path): return path
class KaldiRecognizer:
    def __init__(self, model, rate): pass
    def AcceptWaveform(self, pcm):
        if any(pcm): time.sleep(600)
        return 0
    def PartialResult(self): return '{"partial": ""}'
    def FinalResult(self): return '{"text": ""}'
"""


@pytest.fixture
def noisy(tmp_path: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A process with an engine that prints on stdout, and hangs on sound that is not silence."""
    (tmp_path / "vosk.py").write_text(NOISY_VOSK)
    with start(str(tmp_path), modules=tmp_path) as process:
        assert answer(process) == {"ready": True}
        yield process
        process.kill()


def test_what_native_code_prints_does_not_mix_with_answers(
    noisy: subprocess.Popen[bytes],
) -> None:
    assert ask(noisy, pack(FINISH)) == {"text": "", "partial": ""}
    _, err = noisy.communicate(timeout=PATIENCE_S)
    assert b"noise" in err


def test_the_end_of_input_ends_it_even_while_the_engine_hangs(
    noisy: subprocess.Popen[bytes],
) -> None:
    assert noisy.stdin is not None
    noisy.stdin.write(pack(ACCEPT, b"loud"))
    time.sleep(0.2)
    assert noisy.poll() is None
    noisy.stdin.close()
    assert noisy.wait(PATIENCE_S) == 0


def test_without_a_model_it_tells_its_usage() -> None:
    with start() as process:
        out, err = process.communicate(timeout=PATIENCE_S)
    assert (process.returncode, out) == (2, b"")
    assert err.startswith(b"usage")


def damaged_copy(model: Path, copy: Path, name: str) -> Path:
    """A copy of a model in which one file is cut in half."""
    for file in model.rglob("*"):
        if file.is_file():
            target = copy / file.relative_to(model)
            target.parent.mkdir(parents=True, exist_ok=True)
            content = file.read_bytes()
            whole = file != model / name
            target.write_bytes(content if whole else content[: len(content) // 2])
    return copy


class ListedRecognizer:
    """Stands for vosk.KaldiRecognizer; counts itself and ends an utterance after 100 pieces."""

    made = 0

    def __init__(self, _model: object, _rate: float) -> None:
        type(self).made += 1
        self.number = self.made
        self.pieces = 0
        self.sizes: set[int] = set()

    def AcceptWaveform(self, pcm: bytes) -> int:
        assert type(pcm) is bytes
        assert len(pcm) % 2 == 0
        self.pieces += 1
        return int(self.pieces % 100 == 0)

    def Result(self) -> str:
        return json.dumps({"text": f"end{self.number}"})

    def PartialResult(self) -> str:
        return json.dumps({"partial": f"[unk] part{self.number}"})

    def FinalResult(self) -> str:
        return json.dumps({"text": f"[unk] final{self.number} [unk]"})


@pytest.fixture
def ear(monkeypatch: pytest.MonkeyPatch) -> worker.Ear:
    monkeypatch.setattr("vosk.KaldiRecognizer", ListedRecognizer)
    monkeypatch.setattr(ListedRecognizer, "made", 0)
    return worker.Ear(object())  # type: ignore[arg-type]


def test_each_session_has_a_recogniser_of_its_own(ear: worker.Ear) -> None:
    assert ear.accept(bytes(6_400))["partial"] == "part1"
    assert ear.finish() == {"text": "final1", "partial": ""}
    assert ear.accept(bytes(6_400))["partial"] == "part2"
    ear.reset()
    assert ear.accept(bytes(6_400))["partial"] == "part3"


def test_a_long_session_changes_its_recogniser_between_utterances(ear: worker.Ear) -> None:
    minute = bytes(32_000 * 60)
    texts = [ear.accept(minute)["text"] for _ in range(6)]
    # 300 pieces a minute, an end every 100: after five minutes the next end is the last one.
    assert texts[3] == "end1 end1 end1"
    assert texts[4] == "end1 end1 final1"
    assert texts[5] == "end2 end2 end2"


def test_speech_without_a_pause_changes_it_after_ten_minutes(
    ear: worker.Ear, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ListedRecognizer, "AcceptWaveform", lambda *_: 0)
    minute = bytes(32_000 * 60)
    assert [ear.accept(minute)["text"] for _ in range(10)] == [""] * 9 + ["final1"]
    assert ear.accept(bytes(2))["partial"] == "part2"


def test_an_odd_byte_waits_for_its_other_half(
    ear: worker.Ear, monkeypatch: pytest.MonkeyPatch
) -> None:
    fed: list[bytes] = []
    monkeypatch.setattr(ListedRecognizer, "AcceptWaveform", lambda _, pcm: fed.append(pcm) or 0)
    sound = os.urandom(20_001)
    for start_ in range(0, len(sound), 7):
        ear.accept(sound[start_ : start_ + 7])
    assert b"".join(fed) == sound[:-1]
    ear.reset()
    ear.accept(b"ab")
    assert fed[-1] == b"ab", "reset forgets the half sample"
