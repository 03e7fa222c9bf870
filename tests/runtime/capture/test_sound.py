from __future__ import annotations

import tracemalloc
from itertools import pairwise
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from runtime.capture.sound import BLOCK_SAMPLES, NoSound, has_sound, read_sound
from runtime.errors import AudioError
from tests.runtime.capture.media import shade, tone, write_clip, write_wav


def samples(path: Path) -> npt.NDArray[np.int16]:
    return np.frombuffer(b"".join(block.pcm for block in read_sound(path)), np.int16)


def pitch(heard: npt.NDArray[np.int16]) -> float:
    """Strongest frequency in hertz at 16 kHz."""
    spectrum = np.abs(np.fft.rfft(heard * np.hanning(len(heard))))
    return float(np.argmax(spectrum)) * 16_000 / len(heard)


def test_sound_of_our_own_kind_comes_back_bit_for_bit(tmp_path: Path) -> None:
    sent = tone(440, 1.03)
    np.testing.assert_array_equal(samples(write_wav(tmp_path / "a.wav", sent)), sent)


@pytest.mark.parametrize("rate", [8_000, 22_050, 44_100, 48_000])
@pytest.mark.parametrize("channels", [1, 2])
def test_other_rates_and_channels_are_converted(tmp_path: Path, rate: int, channels: int) -> None:
    sent = tone(1_000, 1.0, rate)
    if channels == 2:
        sent = np.stack([sent, sent], axis=1)
    heard = samples(write_wav(tmp_path / "a.wav", sent, rate))
    assert len(heard) == pytest.approx(16_000, abs=40)
    assert pitch(heard) == pytest.approx(1_000, abs=3)
    assert np.abs(heard[2_000:-2_000]).max() == pytest.approx(16_000, rel=0.05)


def test_both_channels_are_heard(tmp_path: Path) -> None:
    right_only = np.stack([np.zeros(44_100, np.int16), tone(1_000, 1.0, 44_100)], axis=1)
    heard = samples(write_wav(tmp_path / "a.wav", right_only, 44_100))
    assert pitch(heard) == pytest.approx(1_000, abs=3)


def test_blocks_follow_one_another_in_time(tmp_path: Path) -> None:
    blocks = list(read_sound(write_wav(tmp_path / "a.wav", tone(440, 1.03))))
    assert [len(block.pcm) // 2 for block in blocks] == [BLOCK_SAMPLES] * 5 + [480]
    assert blocks[0].start_s == 0.0
    for block, following in pairwise(blocks):
        assert following.start_s == pytest.approx(block.end_s)
    assert blocks[-1].end_s == pytest.approx(1.03)


def test_sound_that_starts_after_the_pictures_is_led_in_by_silence(tmp_path: Path) -> None:
    sent = tone(440, 1.0)
    images = [shade(index) for index in range(20)]
    path = write_clip(tmp_path / "late.mkv", images, sound=sent, sound_start_s=0.5)
    heard = samples(path)
    assert next(read_sound(path)).start_s == 0.0
    assert not heard[:8_000].any()
    np.testing.assert_array_equal(heard[8_000:], sent)


def test_sound_that_starts_before_the_pictures_has_a_negative_time(tmp_path: Path) -> None:
    path = write_clip(
        tmp_path / "early.mkv", [shade(0), shade(1)], stamps_ms=[500, 600], sound=tone(440, 1.0)
    )
    assert next(read_sound(path)).start_s == pytest.approx(-0.5)
    assert len(samples(path)) == 16_000


def test_a_long_track_is_never_whole_in_memory(tmp_path: Path) -> None:
    path = write_wav(tmp_path / "long.wav", np.tile(tone(440, 1.0), 240))
    size = path.stat().st_size
    tracemalloc.start()
    try:
        total = sum(len(block.pcm) for block in read_sound(path))
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert total == 240 * 16_000 * 2
    assert most < size / 4


@pytest.mark.parametrize("cut", [1, 2, 3, 4_001])
def test_a_wav_cut_short_gives_what_is_there(tmp_path: Path, cut: int) -> None:
    sent = tone(440, 1.0)
    path = write_wav(tmp_path / "cut.wav", sent)
    path.write_bytes(path.read_bytes()[:-cut])
    whole = (len(sent) * 2 - cut) // 2
    np.testing.assert_array_equal(samples(path), sent[:whole])


def test_a_wav_without_samples_is_refused(tmp_path: Path) -> None:
    path = write_wav(tmp_path / "empty.wav", np.zeros(0, np.int16))
    with pytest.raises(AudioError, match="not one sample"):
        list(read_sound(path))


@pytest.mark.parametrize(
    ("content", "why"),
    [(b"", "empty"), (b"RIFF\0\0", "damaged"), (b"no sound at all\n" * 50, "not a sound")],
)
def test_a_file_that_is_no_sound_is_refused(tmp_path: Path, content: bytes, why: str) -> None:
    path = tmp_path / "bad.wav"
    path.write_bytes(content)
    with pytest.raises(AudioError, match=why):
        list(read_sound(path))
    with pytest.raises(AudioError, match=why):
        has_sound(path)


def test_a_missing_file_and_a_folder_are_refused(tmp_path: Path) -> None:
    with pytest.raises(AudioError, match="no such file"):
        has_sound(tmp_path / "missing.wav")
    with pytest.raises(AudioError, match="folder"):
        list(read_sound(tmp_path))


def test_a_clip_without_a_track_is_no_error_until_it_is_read(tmp_path: Path) -> None:
    path = write_clip(tmp_path / "silent.mkv", [shade(0), shade(1)])
    assert not has_sound(path)
    with pytest.raises(NoSound, match="no sound track"):
        list(read_sound(path))


def test_a_clip_with_a_track_has_sound(tmp_path: Path) -> None:
    path = write_clip(tmp_path / "a.mkv", [shade(0), shade(1)], sound=tone(440, 0.3))
    assert has_sound(path)
    np.testing.assert_array_equal(samples(path), tone(440, 0.3))
