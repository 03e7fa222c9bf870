"""``sgmn match`` on the clips that ship, and on every clip that ought to work."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from runtime.catalog.sqlite_catalog import SqliteCatalog
from runtime.demo.store import Store
from tests.runtime.capture.media import shade, tone, write_clip, write_rewired_wav
from tests.runtime.commands.conftest import Match, Said
from tests.runtime.odd_media import cut, write_clip_with_an_empty_track

STAGES = {"preprocess", "frame_encoder", "query_head", "search", "reranker", "decision", "total"}


def _whole(said: Said) -> dict[str, Any]:
    """What was found, after the checks that every good answer must pass."""
    assert said.code == 0, said.stderr
    assert said.stdout.count("\n") == 1
    found: dict[str, Any] = said.json
    assert set(found) >= {"answer", "transcript", "steps", "latency"}
    assert set(found["latency"]) >= STAGES
    times = [step["time_s"] for step in found["steps"]]
    assert times == sorted(set(times))
    assert times[0] == 0
    return found


def _heard(found: dict[str, Any]) -> list[str]:
    return [step["transcript"] for step in found["steps"]]


@pytest.fixture
def silent_clip(tmp_path: Path) -> Path:
    return write_clip(tmp_path / "silent.mkv", [shade(n) for n in range(20)])


def test_the_voice_of_a_clip_is_heard_while_it_plays(match: Match, clip: Path) -> None:
    found = _whole(match(clip))
    heard = [len(words) for words in _heard(found)]
    assert heard[0] == 0
    assert len(set(heard)) > 3
    assert len(found["transcript"].split()) >= 3
    assert found["latency"]["words"]["samples"] >= 3


def test_the_answer_is_a_product_of_the_catalog(
    match: Match, demo_store: Store, catalog: SqliteCatalog
) -> None:
    known = {item.id for item in catalog.items()}
    for shown in demo_store.clips[:2]:
        found = _whole(match(shown.path, "--no-speech"))
        ranked = {c["product_id"] for step in found["steps"] for c in step["ranked"]}
        assert ranked <= known
        assert found["answer"] is None or found["answer"]["product_id"] in known
        event = found["conclusion"]["event"]
        assert (event["kind"] == "present") == (found["answer"] is not None)


def test_text_takes_the_place_of_the_voice(match: Match, clip: Path) -> None:
    found = _whole(match(clip, "--text", "salted crisps"))
    assert found["transcript"] == "salted crisps"
    assert set(_heard(found)) == {"salted crisps"}
    assert found["latency"]["words"]["samples"] == 1


def test_without_speech_nothing_is_heard(match: Match, clip: Path) -> None:
    found = _whole(match(clip, "--no-speech"))
    assert (found["transcript"], set(_heard(found))) == ("", {""})
    assert "words" not in found["latency"]


def test_words_change_the_ranking(match: Match, clip: Path) -> None:
    silent, speaking = (
        _whole(match(clip, *words))["conclusion"]["ranked"]
        for words in (["--no-speech"], ["--text", "pepper sauce"])
    )
    assert [c["score"] for c in silent] != [c["score"] for c in speaking]


def test_the_same_clip_gives_the_same_answer(match: Match, clip: Path) -> None:
    first, second = (_whole(match(clip, "--no-speech")) for _ in range(2))
    assert first["conclusion"]["ranked"] == second["conclusion"]["ranked"]


@pytest.mark.parametrize(("rate", "stereo"), [(8_000, False), (44_100, True)])
def test_a_sound_file_of_any_rate_is_heard(
    match: Match, clip: Path, silent_clip: Path, tmp_path: Path, rate: int, stereo: bool
) -> None:
    wav = write_rewired_wav(tmp_path / "voice.wav", clip, rate=rate, stereo=stereo)
    found = _whole(match(silent_clip, "--wav", wav))
    assert len(found["transcript"].split()) >= 2


@pytest.mark.parametrize("text", ["tea " * 2_500 + "cup", "🍵🍵🍵", "the of and", "", "\x01\x02"])
def test_any_text_is_taken(match: Match, silent_clip: Path, text: str) -> None:
    assert _whole(match(silent_clip, "--text", text))["transcript"] == text


def _one_frame(folder: Path) -> Path:
    return write_clip(folder / "one.mkv", [shade(5)])


def _one_pixel(folder: Path) -> Path:
    return write_clip(folder / "pixel.mkv", [shade(n, (1, 1)) for n in range(3)])


def _very_large(folder: Path) -> Path:
    return write_clip(folder / "large.mkv", [shade(5, (8000, 8000))], codec="mjpeg")


def _cut_short(folder: Path) -> Path:
    pictures = [
        np.random.default_rng(n).integers(0, 256, (96, 128, 3), np.uint8) for n in range(20)
    ]
    whole = write_clip(folder / "whole.mkv", pictures, codec="mjpeg")
    return cut(folder / "cut.mkv", whole, 0.6)


def _silence(folder: Path) -> Path:
    sound = np.zeros(16_000, np.int16)
    return write_clip(folder / "quiet.mkv", [shade(n) for n in range(10)], sound=sound)


def _tone(folder: Path) -> Path:
    return write_clip(folder / "tone.mkv", [shade(n) for n in range(10)], sound=tone(440, 1.0))


def _no_track(folder: Path) -> Path:
    return write_clip(folder / "pictures.mkv", [shade(n) for n in range(10)])


@pytest.mark.parametrize("make", [_one_frame, _one_pixel, _very_large, _silence, _tone, _no_track])
def test_odd_clips_are_matched(match: Match, tmp_path: Path, make: Callable[[Path], Path]) -> None:
    said = match(make(tmp_path))
    assert _whole(said)["steps"]
    assert said.stderr == ""


def test_a_recording_cut_short_is_matched(match: Match, tmp_path: Path) -> None:
    assert _whole(match(_cut_short(tmp_path)))["steps"]


def test_a_download_cut_short_is_matched_and_heard_up_to_the_cut(
    match: Match, clip: Path, tmp_path: Path
) -> None:
    whole, said = _whole(match(clip)), match(cut(tmp_path / "part.mp4", clip, 0.6))
    part = _whole(said)
    assert "It may be cut short" in said.stderr
    assert 0 < len(part["steps"]) < len(whole["steps"])
    assert 0 < len(part["transcript"]) < len(whole["transcript"])


def test_a_track_without_sound_is_told_and_the_pictures_still_count(
    match: Match, tmp_path: Path
) -> None:
    said = match(write_clip_with_an_empty_track(tmp_path / "empty.mkv"))
    assert _whole(said)["transcript"] == ""
    assert "Speech is OFF" in said.stderr


def test_without_a_speech_model_speech_is_off_loudly_and_the_rest_works(
    match: Match, clip: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv("SGMN_SPEECH_MODEL", raising=False)
    monkeypatch.setattr("runtime.speech.model._SHIPPED", tmp_path / "gone")
    said = match(clip)
    assert _whole(said)["transcript"] == ""
    assert said.stderr.startswith("Speech is OFF: no Vosk model found.")
    assert "--speech-model" in said.stderr


def test_people_get_steps_an_answer_and_latencies(
    sgmn: Callable[..., Said], clip: Path, bundle_folder: Path, catalog_folder: Path
) -> None:
    said = sgmn("match", clip, "--bundle", bundle_folder, "--catalog", catalog_folder)
    assert said.code == 0, said.stderr
    assert "\nAnswer: " in said.stdout
    assert "\nHeard: " in said.stdout
    assert "frame_encoder" in said.stdout
    assert "  heard: " in said.stdout
    assert said.stderr == ""
