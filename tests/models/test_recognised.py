"""Sentences spoken by espeak-ng and heard by Vosk."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner

from models.data.recognised import main, model_digest, read_pairs, recognise
from runtime.errors import ClipListError, SpeechError, StorageError
from tests.models.made_up_bank import quiet

KNOWN = "this oat milk has no added sugar"
UNKNOWN = "this oat milk is from zanzibar"
"""The last word is none of the tiny model's."""

needs_espeak = pytest.mark.skipif(shutil.which("espeak-ng") is None, reason="no espeak-ng")


@pytest.fixture(scope="module")
def pairs(speech_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    cache = tmp_path_factory.mktemp("pairs") / "pairs.jsonl"
    recognise([KNOWN, UNKNOWN, "", KNOWN], speech_model, cache, quiet)
    return cache


@needs_espeak
def test_words_of_the_model_are_heard_and_others_are_not(pairs: Path, speech_model: Path) -> None:
    known, unknown = read_pairs(pairs)
    assert (known.sentence, unknown.sentence) == (KNOWN, UNKNOWN)
    assert {"oat", "milk", "added", "sugar"} <= set(known.heard.split())
    assert {"oat", "milk"} <= set(unknown.heard.split())
    assert "zanzibar" not in unknown.heard
    assert known.model == model_digest(speech_model)
    assert known.key != unknown.key


@needs_espeak
def test_nothing_is_spoken_twice(pairs: Path, speech_model: Path, tmp_path: Path) -> None:
    cache = tmp_path / "pairs.jsonl"
    lines = pairs.read_text().splitlines(keepends=True)
    told = json.loads(lines[0]) | {"heard": "as it stands in the file"}
    cut = '{"key": "cut sho'
    cache.write_text(json.dumps(told) + "\n" + cut, encoding="utf-8")
    found = recognise([KNOWN, UNKNOWN], speech_model, cache, quiet)
    assert found[KNOWN] == ["as it stands in the file"]
    assert cache.read_text() == json.dumps(told) + "\n" + lines[1]


@needs_espeak
def test_another_seed_is_another_voice(pairs: Path, speech_model: Path, tmp_path: Path) -> None:
    cache = tmp_path / "new" / "pairs.jsonl"
    found = recognise([KNOWN], speech_model, cache, quiet, seed=1, voices=2)
    assert len(found[KNOWN]) == 2
    voices = {pair.voice for pair in read_pairs(cache)}
    assert len(voices) == 2
    assert next(iter(read_pairs(pairs))).voice not in voices


@needs_espeak
def test_the_command_goes_on_with_a_file(pairs: Path, tmp_path: Path) -> None:
    sentences, out = tmp_path / "sentences.txt", tmp_path / "pairs.jsonl"
    sentences.write_text(f"{KNOWN}\n\n{UNKNOWN}\n", encoding="utf-8")
    shutil.copyfile(pairs, out)
    result = CliRunner().invoke(main, [str(sentences), "--out", str(out)], catch_exceptions=False)
    assert result.stdout.startswith("2 pairs of 2 sentences")
    assert out.read_text() == pairs.read_text()


def test_the_command_says_what_is_missing(tmp_path: Path) -> None:
    result = CliRunner().invoke(main, [str(tmp_path / "none.txt"), "--out", str(tmp_path / "o")])
    assert result.exit_code == 3
    assert "none.txt" in result.stderr


def test_a_missing_model_is_named(tmp_path: Path) -> None:
    with pytest.raises(SpeechError, match="no speech model"):
        recognise([KNOWN], tmp_path / "model", tmp_path / "pairs.jsonl", quiet)


@pytest.mark.parametrize("line", ["no json", "{}", '{"voice": {}}', "3"])
def test_a_line_that_is_no_pair_is_named(tmp_path: Path, speech_model: Path, line: str) -> None:
    cache = tmp_path / "pairs.jsonl"
    cache.write_text(f"{line}\n", encoding="utf-8")
    with pytest.raises(ClipListError, match=r"pairs\.jsonl, line 1"):
        recognise([KNOWN], speech_model, cache, quiet)


def test_a_file_that_cannot_be_written_is_named(tmp_path: Path, speech_model: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError, match="cannot write"):
        recognise([KNOWN], speech_model, tmp_path / "file" / "pairs.jsonl", quiet)
