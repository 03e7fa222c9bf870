"""What ``sgmn match`` cannot use: a clear error, its exit code, and nothing on stdout."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from runtime.bundle.manifest import Manifest
from runtime.catalog.sqlite_catalog import SqliteCatalog
from runtime.network import Network
from tests.runtime.capture.media import shade, tone, write_clip, write_wav
from tests.runtime.commands.conftest import Match, Said
from tests.runtime.odd_media import cut, write_sound_only

CLIP, AUDIO, BUNDLE, CATALOG, SPEECH = 3, 3, 4, 5, 8


@pytest.fixture
def good_clip(tmp_path: Path) -> Path:
    sound = tone(440, 1.0)
    return write_clip(tmp_path / "good.mkv", [shade(n) for n in range(10)], sound=sound)


def _missing(folder: Path, clip: Path) -> Path:
    return folder / "gone.mp4"


def _empty(folder: Path, clip: Path) -> Path:
    path = folder / "empty.mp4"
    path.touch()
    return path


def _folder(folder: Path, clip: Path) -> Path:
    return folder


def _pipe(folder: Path, clip: Path) -> Path:
    """Opening it would wait for ever, as nobody writes."""
    path = folder / "pipe.mp4"
    os.mkfifo(path)
    return path


def _no_video(folder: Path, clip: Path) -> Path:
    path = folder / "letter.mp4"
    path.write_text("Dear sir or madam,\n" * 100)
    return path


def _without_its_end(folder: Path, clip: Path) -> Path:
    """The index of an mp4 that was being recorded is the last thing written."""
    whole = write_clip(folder / "whole.mp4", [shade(n) for n in range(30)], codec="mpeg4")
    return cut(folder / "cut.mp4", whole, 0.5)


def _without_its_header(folder: Path, clip: Path) -> Path:
    path = folder / "tail.mp4"
    path.write_bytes(clip.read_bytes()[5_000:])
    return path


def _sound_only(folder: Path, clip: Path) -> Path:
    return write_sound_only(folder / "sound.mp4", tone(440, 1.0))


@pytest.mark.parametrize(
    "make",
    [
        _missing,
        _empty,
        _folder,
        _pipe,
        _no_video,
        _without_its_end,
        _without_its_header,
        _sound_only,
    ],
)
def test_a_clip_that_cannot_be_played(
    match: Match, tmp_path: Path, clip: Path, make: Callable[[Path, Path], Path]
) -> None:
    path = make(tmp_path, clip)
    said = match(path)
    assert said.code == CLIP
    assert said.error["code"] == "clip"
    assert path.name in said.error["what"]


def test_the_error_is_told_to_people_too(
    sgmn: Callable[..., Said], tmp_path: Path, catalog_folder: Path
) -> None:
    said = sgmn("match", tmp_path / "gone.mp4", "--catalog", catalog_folder)
    assert (said.code, said.stdout) == (CLIP, "")
    assert [line.split(":")[0].strip() for line in said.stderr.splitlines()] == [
        "Error",
        "why",
        "fix",
    ]


@pytest.mark.parametrize(
    "words",
    [
        ["--text", "tea", "--no-speech"],
        ["--text", "", "--wav", "x.wav"],
        ["--wav", "x.wav", "--no-speech"],
        ["--text", "tea", "--wav", "x.wav", "--no-speech"],
    ],
)
def test_sources_of_words_exclude_one_another(
    match: Match, good_clip: Path, words: list[str]
) -> None:
    said = match(good_clip, *words)
    assert said.code == 2
    assert said.error["code"] == "usage"


def _wav_without_samples(path: Path) -> None:
    write_wav(path, np.zeros(0, np.int16))


def _wav_of_letters(path: Path) -> None:
    path.write_text("RIFF but no sound" * 100)


def _wav_of_pictures(path: Path) -> None:
    write_clip(path.with_suffix(".mkv"), [shade(1)]).rename(path)


@pytest.mark.parametrize(
    "make",
    [lambda path: None, Path.touch, _wav_without_samples, _wav_of_letters, _wav_of_pictures],
    ids=["missing", "zero length", "no samples", "letters", "pictures only"],
)
def test_a_sound_file_without_sound(
    match: Match, good_clip: Path, tmp_path: Path, make: Callable[[Path], None]
) -> None:
    wav = tmp_path / "voice.wav"
    make(wav)
    said = match(good_clip, "--wav", wav)
    assert said.code == AUDIO
    assert said.error["code"] == "audio"
    assert "voice.wav" in said.error["what"]


def test_a_speech_model_that_is_named_but_missing(
    match: Match, good_clip: Path, tmp_path: Path
) -> None:
    said = match(good_clip, "--speech-model", tmp_path / "gone")
    assert said.code == SPEECH
    assert "no speech model at" in said.error["what"]


def test_a_speech_model_that_the_environment_names_but_is_missing(
    match: Match, good_clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SGMN_SPEECH_MODEL", str(tmp_path / "gone"))
    said = match(good_clip)
    assert said.code == SPEECH
    assert said.error["code"] == "speech"


def test_a_speech_model_that_is_not_whole(
    match: Match, good_clip: Path, tmp_path: Path, speech_model: Path
) -> None:
    shutil.copytree(speech_model, tmp_path / "model")
    (tmp_path / "model" / "am" / "final.mdl").write_bytes(b"\0" * 64)
    said = match(good_clip, "--speech-model", tmp_path / "model")
    assert said.code == SPEECH
    assert said.error["code"] == "speech"


def test_a_catalog_that_is_missing(match: Match, good_clip: Path, tmp_path: Path) -> None:
    said = match(good_clip, "--catalog", tmp_path / "gone")
    assert said.code == CATALOG
    assert not (tmp_path / "gone").exists()
    assert said.error["code"] == "catalog"


def test_a_catalog_that_is_only_a_folder(match: Match, good_clip: Path, tmp_path: Path) -> None:
    (tmp_path / "shelf").mkdir()
    assert match(good_clip, "--catalog", tmp_path / "shelf").error["code"] == "catalog"


def test_a_catalog_of_another_bundle(match: Match, good_clip: Path, tmp_path: Path) -> None:
    with SqliteCatalog.build(tmp_path / "other", "f" * 64) as other:
        other.publish()
    said = match(good_clip, "--catalog", tmp_path / "other")
    assert said.code == CATALOG
    assert "another bundle" in said.error["what"]


def test_a_bundle_that_is_missing(match: Match, good_clip: Path, tmp_path: Path) -> None:
    said = match(good_clip, "--bundle", tmp_path / "gone")
    assert said.code == BUNDLE
    assert said.error["code"] == "bundle"


def test_a_bundle_with_one_changed_byte(
    match: Match, good_clip: Path, tmp_path: Path, network: Network
) -> None:
    folder, manifest = tmp_path / "bundle", network.bundle.manifest
    shutil.copytree(network.bundle.folder, folder)
    _flip_a_byte(folder / manifest.submodules["reranker"].file)
    said = match(good_clip, "--bundle", folder)
    assert said.code == BUNDLE
    assert manifest.submodules["reranker"].file in said.error["why"]


def _flip_a_byte(file: Path) -> None:
    data = bytearray(file.read_bytes())
    data[len(data) // 2] ^= 1
    file.write_bytes(data)


def test_the_manifest_in_use_is_the_one_on_disk(network: Network) -> None:
    text = (network.bundle.folder / "manifest.json").read_text(encoding="utf-8")
    assert Manifest.model_validate(json.loads(text)) == network.bundle.manifest
