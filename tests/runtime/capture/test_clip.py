from __future__ import annotations

import itertools
import json
import math
import re
import subprocess
import sys
import weakref
from collections.abc import Callable, Container
from pathlib import Path

import cv2
import numpy as np
import pytest

from runtime.capture import clip as clip_module
from runtime.capture.clip import VideoClip
from runtime.errors import ClipError, UsageError
from tests.runtime.capture.media import number, shade, tone, write_clip, write_wav


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    """Thirty frames at 10 a second, each a different grey."""
    return write_clip(tmp_path / "clip.mkv", [shade(index) for index in range(30)])


def shown(clip: Path, fps: float | None = None) -> list[tuple[int, float, int]]:
    """Index, time and number read back from the picture of every frame given."""
    with VideoClip(clip) as video:
        return [
            (frame.index, round(frame.time_s, 3), number(frame.image))
            for frame in video.frames(fps)
        ]


def test_probe_tells_size_rate_and_length(tmp_path: Path) -> None:
    path = write_clip(
        tmp_path / "a.mkv", [shade(index) for index in range(20)], sound=tone(440, 2.0)
    )
    info = VideoClip(path).probe()
    assert (info.width, info.height, info.fps) == (48, 32, 10.0)
    assert info.duration_s == pytest.approx(2.0, abs=0.11)
    assert info.frames == pytest.approx(20, abs=1)
    assert info.has_sound


def test_probe_of_a_clip_without_sound(clip: Path) -> None:
    assert not VideoClip(clip).probe().has_sound


def test_all_frames_in_order_with_their_own_times(clip: Path) -> None:
    assert shown(clip) == [(index, index / 10, index) for index in range(30)]


def test_pictures_are_contiguous_bgr_bytes(tmp_path: Path) -> None:
    blue = np.zeros((32, 48, 3), np.uint8)
    blue[..., 0] = 200
    image = next(VideoClip(write_clip(tmp_path / "blue.mkv", [blue])).frames()).image
    assert image.dtype == np.uint8
    assert image.flags.c_contiguous
    np.testing.assert_array_equal(image, blue)


@pytest.mark.parametrize(
    ("fps", "indices"),
    [
        (2, [0, 5, 10, 15, 20, 25]),
        (10, list(range(30))),
        (60, list(range(30))),
        (3, [0, 4, 7, 10, 14, 17, 20, 24, 27]),
        (0.1, [0]),
    ],
)
def test_sampling_gives_the_first_frame_at_or_after_each_due_time(
    clip: Path, fps: float, indices: list[int]
) -> None:
    assert shown(clip, fps) == [(index, index / 10, index) for index in indices]


def test_sampling_goes_by_timestamps_not_by_frame_count(tmp_path: Path) -> None:
    stamps_ms = [0, 10, 20, 900, 1000, 1010, 2600]
    path = write_clip(tmp_path / "vfr.mkv", [shade(i) for i in range(7)], stamps_ms=stamps_ms)
    assert shown(path, 1.0) == [(0, 0.0, 0), (4, 1.0, 4), (6, 2.6, 6)]


def test_time_starts_at_the_first_frame(tmp_path: Path) -> None:
    path = write_clip(tmp_path / "late.mkv", [shade(0), shade(1)], stamps_ms=[5000, 5100])
    assert shown(path) == [(0, 0.0, 0), (1, 0.1, 1)]


def test_a_raw_stream_without_timestamps_is_timed_by_its_rate(tmp_path: Path) -> None:
    path = write_clip(tmp_path / "raw.h264", [shade(20)] * 30, fps=25, codec="libx264")
    with VideoClip(path) as video:
        times = [frame.time_s for frame in video.frames()]
    np.testing.assert_allclose(times, np.arange(30) / 25, atol=1e-9)


class CaptureWithStamps:
    """Stands for cv2.VideoCapture; only its timestamps matter."""

    def __init__(self, stamps_ms: list[float]) -> None:
        self.stamps_ms = stamps_ms
        self.at = -1

    def grab(self) -> bool:
        self.at = min(self.at + 1, len(self.stamps_ms))
        return self.at < len(self.stamps_ms)

    def get(self, quality: int) -> float:
        return 10.0 if quality == cv2.CAP_PROP_FPS else self.stamps_ms[self.at]


@pytest.mark.parametrize(
    ("stamps_ms", "times_s"),
    [
        ([0, 100, 200], [0, 0.1, 0.2]),
        ([700, 800, 950], [0, 0.1, 0.25]),
        ([0, 0, 0, 0], [0, 0.1, 0.2, 0.3]),
        ([0, 100, 50, 300], [0, 0.1, 0.2, 0.3]),
        ([math.nan, math.nan, math.inf, 300], [0, 0.1, 0.2, 0.3]),
        ([-50, 50], [0, 0.1]),
    ],
)
def test_broken_timestamps_never_stop_or_turn_back_time(
    stamps_ms: list[float], times_s: list[float]
) -> None:
    timeline = list(clip_module._timeline(CaptureWithStamps(stamps_ms)))  # type: ignore[arg-type]
    assert [index for index, _ in timeline] == list(range(len(times_s)))
    assert [time_s for _, time_s in timeline] == pytest.approx(times_s)


def test_one_frame_is_given_once_at_any_rate(tmp_path: Path) -> None:
    path = write_clip(tmp_path / "one.mkv", [shade(3)])
    assert shown(path) == shown(path, 2) == shown(path, 100) == [(0, 0.0, 3)]


@pytest.mark.parametrize(("size", "codec"), [((1, 1), "ffv1"), ((8000, 8000), "mjpeg")])
def test_tiny_and_huge_pictures(tmp_path: Path, size: tuple[int, int], codec: str) -> None:
    path = write_clip(tmp_path / "size.mkv", [shade(20, size)], codec=codec)
    frame = next(VideoClip(path).frames())
    assert frame.image.shape == (size[1], size[0], 3)
    assert number(frame.image) == 20


def test_no_frame_is_kept_after_the_next(clip: Path) -> None:
    frames = VideoClip(clip).frames()
    first = weakref.ref(next(frames).image)
    next(frames)
    assert first() is None


def test_each_iteration_plays_from_the_start(clip: Path) -> None:
    with VideoClip(clip) as video:
        half_way = video.frames()
        assert [next(half_way).index for _ in range(5)] == [0, 1, 2, 3, 4]
        assert [frame.index for frame in video.frames(5)] == list(range(0, 30, 2))
        assert next(half_way).index == 5


def test_close_ends_players_and_may_be_repeated(clip: Path) -> None:
    video = VideoClip(clip)
    frames = video.frames()
    next(frames)
    video.close()
    assert list(frames) == []
    video.close()


@pytest.mark.parametrize("fps", [0, -1, float("nan"), float("inf")])
def test_a_rate_that_is_none_is_refused(clip: Path, fps: float) -> None:
    with pytest.raises(UsageError, match="positive"):
        VideoClip(clip).frames(fps)


def missing(folder: Path) -> Path:
    return folder / "missing.mp4"


def a_folder(folder: Path) -> Path:
    return folder


def zero_length(folder: Path) -> Path:
    path = folder / "zero.mp4"
    path.touch()
    return path


def not_a_video(folder: Path) -> Path:
    path = folder / "text.mp4"
    path.write_text("this is not a video\n" * 100)
    return path


def header_only(folder: Path) -> Path:
    path = write_clip(folder / "whole.mkv", [shade(index) for index in range(10)])
    path.write_bytes(path.read_bytes()[:40])
    return path


def without_index(folder: Path) -> Path:
    path = write_clip(folder / "cut.mp4", [shade(i) for i in range(60)], codec="libx264")
    path.write_bytes(path.read_bytes()[:600])
    return path


def audio_only(folder: Path) -> Path:
    return write_wav(folder / "sound.wav", tone(440, 1.0))


def zero_byte_name(folder: Path) -> Path:
    return folder / "a\0b.mp4"


BAD = {
    missing: "no such file",
    a_folder: "folder",
    zero_length: "empty",
    not_a_video: "not a video",
    header_only: "damaged",
    without_index: "index is missing",
    audio_only: "sound but no pictures",
    zero_byte_name: "null byte",
}


@pytest.mark.parametrize(("make", "why"), BAD.items(), ids=[make.__name__ for make in BAD])
def test_a_file_that_is_no_clip_is_refused_with_the_reason(
    tmp_path: Path, make: Callable[[Path], Path], why: str
) -> None:
    video = VideoClip(make(tmp_path))
    with pytest.raises(ClipError, match=why) as probed:
        video.probe()
    with pytest.raises(ClipError, match=why):
        next(video.frames())
    assert probed.value.fix


def test_a_clip_cut_short_gives_the_frames_before_the_cut(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    noise = [rng.integers(0, 256, (64, 64, 3), np.uint8) for _ in range(20)]
    path = write_clip(tmp_path / "noise.mkv", noise)
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    frames = list(VideoClip(path).frames())
    assert 5 <= len(frames) <= 11
    for frame, image in zip(frames[:-1], noise, strict=False):
        np.testing.assert_array_equal(frame.image, image)


def wipe_pictures(path: Path, numbers: Container[int]) -> Path:
    """Overwrite JPEG pictures of a file with zeros and leave the container whole."""
    counter = itertools.count()
    path.write_bytes(
        re.sub(
            rb"\xff\xd8\xff.*?\xff\xd9",
            lambda jpeg: bytes(len(jpeg[0])) if next(counter) in numbers else jpeg[0],
            path.read_bytes(),
            flags=re.DOTALL,
        )
    )
    return path


def test_damage_in_the_middle_loses_only_the_damaged_frame(tmp_path: Path) -> None:
    path = write_clip(tmp_path / "a.mkv", [shade(index) for index in range(20)], codec="mjpeg")
    wipe_pictures(path, {7})
    assert [number for _, _, number in shown(path)] == [*range(7), *range(8, 20)]


def test_a_clip_of_which_nothing_decodes_is_refused(tmp_path: Path) -> None:
    path = write_clip(tmp_path / "a.mkv", [shade(index) for index in range(5)], codec="mjpeg")
    wipe_pictures(path, range(5))
    with pytest.raises(ClipError, match="decoded"):
        next(VideoClip(path).frames())


def test_nothing_is_printed_by_decoders(tmp_path: Path) -> None:
    """Run apart: decoders write past Python's own stdout and stderr."""
    script = (
        "import json, sys\n"
        "from runtime.capture.clip import VideoClip\n"
        "from runtime.errors import ClipError\n"
        "for path in sys.argv[1:]:\n"
        "    try:\n"
        "        VideoClip(path).probe(); list(VideoClip(path).frames())\n"
        "    except ClipError as error:\n"
        "        print(json.dumps(error.as_dict()))\n"
    )
    half = write_clip(tmp_path / "half.mkv", [shade(index) for index in range(30)], codec="libx264")
    half.write_bytes(half.read_bytes()[:1500])
    bad = [not_a_video(tmp_path), without_index(tmp_path), audio_only(tmp_path)]
    done = subprocess.run(
        [sys.executable, "-c", script, *map(str, [half, *bad])],
        capture_output=True,
        text=True,
        check=True,
    )
    assert [json.loads(line)["code"] for line in done.stdout.splitlines()] == ["clip"] * 3
    assert done.stderr == ""
