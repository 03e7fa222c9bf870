from __future__ import annotations

from pathlib import Path

import pytest

from runtime.errors import SpeechError
from runtime.speech.child import VoskRecognizer
from runtime.speech.model import check_model, find_model
from tests.runtime.speech.test_worker import damaged_copy

NEWER = ["am/final.mdl", "conf/mfcc.conf", "graph/HCLr.fst", "graph/Gr.fst"]
OLDER = ["final.mdl", "mfcc.conf", "HCLr.fst", "Gr.fst"]


def make_model(folder: Path, names: list[str]) -> Path:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(b"content")
    return folder


@pytest.mark.parametrize(
    "names",
    [
        [*NEWER, "graph/disambig_tid.int"],
        [*OLDER, "disambig_tid.int"],
        [*NEWER[:2], "graph/HCLG.fst"],
        [*OLDER[:2], "HCLG.fst"],
    ],
)
def test_each_layout_is_whole_and_every_file_of_it_is_needed(
    tmp_path: Path, names: list[str]
) -> None:
    check_model(make_model(tmp_path / "whole", names))
    for missing in names:
        rest = [name for name in names if name != missing]
        lacking = make_model(tmp_path / missing.replace("/", "-"), rest)
        with pytest.raises(SpeechError, match="is missing or empty"):
            check_model(lacking)


def test_an_empty_file_is_named(tmp_path: Path) -> None:
    model = make_model(tmp_path, [*NEWER, "graph/disambig_tid.int"])
    (model / "graph" / "Gr.fst").write_bytes(b"")
    with pytest.raises(SpeechError, match=r"graph/Gr\.fst"):
        check_model(model)


def test_the_shipped_model_is_whole(speech_model: Path) -> None:
    check_model(speech_model)


def test_explicit_path_then_variable_then_shipped_model(
    speech_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SGMN_SPEECH_MODEL", raising=False)
    assert find_model() == speech_model
    monkeypatch.setenv("SGMN_SPEECH_MODEL", " ")
    assert find_model() == speech_model
    monkeypatch.setenv("SGMN_SPEECH_MODEL", str(tmp_path / "named"))
    assert find_model() == tmp_path / "named"
    assert find_model(tmp_path / "explicit") == tmp_path / "explicit"


def test_there_may_be_no_model_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SGMN_SPEECH_MODEL", raising=False)
    monkeypatch.setattr("runtime.speech.model._SHIPPED", tmp_path / "absent")
    assert find_model() is None


@pytest.mark.parametrize("kind", ["missing", "file", "empty folder"])
def test_open_says_that_there_is_no_model(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "model"
    if kind == "file":
        path.write_text("a file")
    elif kind == "empty folder":
        path.mkdir()
    recognizer = VoskRecognizer(path)
    with pytest.raises(SpeechError, match=r"no such folder|not a folder|final\.mdl is missing"):
        recognizer.open()
    assert recognizer.pid is None


@pytest.mark.parametrize("name", ["am/final.mdl", "graph/Gr.fst", "conf/mfcc.conf"])
def test_open_says_that_the_model_is_damaged(speech_model: Path, tmp_path: Path, name: str) -> None:
    model = damaged_copy(speech_model, tmp_path / "model", name)
    recognizer = VoskRecognizer(model)
    with pytest.raises(SpeechError, match="cannot be loaded") as refusal:
        recognizer.open()
    assert refusal.value.why
    assert recognizer.pid is None
