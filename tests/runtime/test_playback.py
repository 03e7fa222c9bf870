"""A clip played through the matcher: pictures and sound meet by media time."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from runtime.capture.clip import VideoClip
from runtime.capture.sound import read_sound
from runtime.catalog.sqlite_catalog import SqliteCatalog
from runtime.errors import AudioError, ClipError
from runtime.matcher import Matcher
from runtime.network import Network
from runtime.playback import Moment, Words, play
from runtime.speech.child import VoskRecognizer
from runtime.speech.recognizer import Transcript
from tests.runtime.capture.media import shade, tone, write_clip, write_wav
from tests.runtime.odd_media import write_clip_with_an_empty_track


class _Counter:
    """A recognizer whose words tell how many samples it was given."""

    def __init__(self) -> None:
        self.samples = 0
        self.resets = 0

    def open(self) -> None: ...

    def accept(self, pcm: bytes) -> Transcript:
        self.samples += len(pcm) // 2
        return Transcript("", str(self.samples))

    def finish(self) -> Transcript:
        return Transcript(str(self.samples), "")

    def reset(self) -> None:
        self.resets += 1
        self.samples = 0

    def close(self) -> None: ...


@pytest.fixture
def matcher(network: Network, catalog: SqliteCatalog) -> Matcher:
    return Matcher(network, catalog)


@pytest.fixture
def small_clip(tmp_path: Path) -> Path:
    """Three seconds of pictures, two of sound that begins half a second late."""
    return write_clip(
        tmp_path / "small.mkv",
        [shade(n) for n in range(30)],
        sound=tone(440, 2.0),
        sound_start_s=0.5,
    )


@pytest.fixture(scope="module")
def heard(
    network: Network, catalog: SqliteCatalog, clip: Path, speech_model: Path
) -> Iterator[list[Moment]]:
    """A demo clip with the real recognizer."""
    recognizer = VoskRecognizer(speech_model)
    recognizer.open()
    try:
        yield list(play(clip, Words(sound=clip, recognizer=recognizer), Matcher(network, catalog)))
    finally:
        recognizer.close()


def test_there_is_a_step_for_every_sampled_frame_and_an_answer(
    matcher: Matcher, clip: Path
) -> None:
    moments = list(play(clip, Words(), matcher))
    with VideoClip(clip) as video:
        times = [frame.time_s for frame in video.frames(matcher.sampling_fps)]
    assert [m.frame.time_s for m in moments] == [*times, times[-1]]
    assert [m.last for m in moments] == [False] * len(times) + [True]
    assert [m.step.time_s for m in moments] == [m.frame.time_s for m in moments]


def test_fixed_text_is_heard_from_the_start(matcher: Matcher, clip: Path) -> None:
    moments = list(play(clip, Words(text="salted crisps"), matcher))
    assert {m.transcript.text for m in moments} == {"salted crisps"}
    assert {m.step.transcript for m in moments} == {"salted crisps"}


def test_without_words_pictures_alone_decide(matcher: Matcher, clip: Path) -> None:
    moments = list(play(clip, Words(), matcher))
    assert {m.step.transcript for m in moments} == {""}
    assert all(m.step.candidates for m in moments)


def test_the_real_recognizer_hears_words_that_grow(heard: list[Moment]) -> None:
    texts = [moment.transcript.text for moment in heard]
    assert texts[0] == ""
    assert len(texts[-1].split()) >= 3
    lengths = [len(text) for text in texts]
    assert len({*lengths}) > 3
    assert lengths[-1] >= max(lengths) // 2
    assert all(moment.step.transcript == moment.transcript.text for moment in heard)
    finals = [moment.transcript.final for moment in heard]
    assert all(after.startswith(before) for before, after in pairwise(finals))


def test_no_sound_of_the_future_is_heard(matcher: Matcher, small_clip: Path) -> None:
    counter = _Counter()
    moments = list(play(small_clip, Words(sound=small_clip, recognizer=counter), matcher))
    *steps, answer = moments
    blocks = list(read_sound(small_clip))
    for moment in steps:
        due = sum(len(b.pcm) // 2 for b in blocks if b.end_s <= moment.frame.time_s)
        assert int(moment.transcript.text or 0) == due
    assert int(answer.transcript.text) == sum(len(b.pcm) // 2 for b in blocks)
    assert counter.resets == 1


def test_sound_longer_than_the_pictures_is_heard_to_its_end(
    matcher: Matcher, small_clip: Path, tmp_path: Path
) -> None:
    wav = write_wav(tmp_path / "long.wav", tone(440, 5.0))
    moments = list(play(small_clip, Words(sound=wav, recognizer=_Counter()), matcher))
    assert int(moments[-1].transcript.text) == 80_000


def test_a_clip_is_played_afresh_each_time(matcher: Matcher, clip: Path, small_clip: Path) -> None:
    def answers(path: Path) -> list[object]:
        return [(m.step.candidates, m.step.event) for m in play(path, Words(), matcher)]

    first = answers(small_clip)
    answers(clip)
    assert answers(small_clip) == first


def test_a_clip_of_one_frame_has_a_step_and_an_answer(matcher: Matcher, tmp_path: Path) -> None:
    path = write_clip(tmp_path / "one.mkv", [shade(9)])
    step, answer = play(path, Words(), matcher)
    assert (step.last, answer.last) == (False, True)
    assert step.step.candidates == answer.step.candidates


@pytest.mark.parametrize("size", [(1, 1), (3, 2), (3, 200)])
def test_odd_pictures_are_matched(matcher: Matcher, tmp_path: Path, size: tuple[int, int]) -> None:
    path = write_clip(tmp_path / "odd.mkv", [shade(9, size)])
    assert all(np.isfinite(m.step.candidates[0].score) for m in play(path, Words(), matcher))


def test_a_track_without_a_sample_is_an_error_here(matcher: Matcher, tmp_path: Path) -> None:
    path = write_clip_with_an_empty_track(tmp_path / "silent.mkv")
    with pytest.raises(AudioError, match="no sound in it"):
        next(play(path, Words(sound=path, recognizer=_Counter()), matcher))


def test_a_missing_clip_is_refused_before_the_first_step(matcher: Matcher, tmp_path: Path) -> None:
    with pytest.raises(ClipError):
        next(play(tmp_path / "gone.mp4", Words(), matcher))


def test_a_sound_file_that_is_none_is_refused(matcher: Matcher, clip: Path, tmp_path: Path) -> None:
    wav = tmp_path / "broken.wav"
    wav.write_bytes(b"RIFF" + bytes(40))
    with pytest.raises(AudioError):
        list(play(clip, Words(sound=wav, recognizer=_Counter()), matcher))


def test_an_abandoned_clip_is_closed(matcher: Matcher, clip: Path) -> None:
    playing = play(clip, Words(), matcher)
    next(playing)
    playing.close()
    assert [m.last for m in play(clip, Words(), matcher)][-1]
