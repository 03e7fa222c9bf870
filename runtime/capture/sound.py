"""The sound track of a clip, or a sound file, as the program's own PCM."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING

from runtime.capture.files import check_file
from runtime.capture.microphone import SAMPLE_RATE
from runtime.errors import AudioError

if TYPE_CHECKING:
    from av.audio.frame import AudioFrame
    from av.audio.resampler import AudioResampler
    from av.container import InputContainer

BLOCK_SAMPLES = 3_200
"""Samples in every block but the last: 0.2 s."""

_FIX = "convert it to a plain wav file: ffmpeg -i IN -ac 1 -ar 16000 OUT.wav"
_LONGEST_LEAD_S = 3600.0  # a sound track that starts later than this has a broken timestamp


class NoSound(AudioError):  # noqa: N818 - a fact about the file, raised only if sound is read
    """The file is sound in itself, but has no sound track."""


@dataclass(frozen=True)
class SoundBlock:
    """A piece of sound.

    Attributes:
        start_s: media time of the first sample in seconds; 0 is the clip's first picture.
        pcm: 16 kHz mono int16 little-endian.
    """

    start_s: float
    pcm: bytes

    @property
    def end_s(self) -> float:
        """Media time after the last sample in seconds."""
        return self.start_s + len(self.pcm) / (2 * SAMPLE_RATE)


def read_sound(path: Path | str) -> Iterator[SoundBlock]:
    """The sound track of a file in blocks of 0.2 s, in time order, the last one shorter.

    Sound that starts after the first picture is led in by silence; sound that starts before it
    has a negative ``start_s``. A track that is cut short gives what is there.

    Raises:
        NoSound: the file has no sound track.
        AudioError: the file is missing, damaged, not sound, or without a single sample.
    """
    with _container(Path(path)) as container:
        if not container.streams.audio:
            raise NoSound(
                f"{path} has no sound track",
                why="it holds pictures only",
                fix="give the words with --text, or a wav file",
            )
        offset_s = _offset_s(container)
        lead = int(max(offset_s, 0.0) * SAMPLE_RATE)
        start_s = min(offset_s, 0.0)
        count = 0
        for count, pcm in enumerate(_even_blocks(_pcm(container), lead), start=1):
            yield SoundBlock(start_s + (count - 1) * BLOCK_SAMPLES / SAMPLE_RATE, pcm)
        if not count:
            raise AudioError(
                f"{path} has no sound in it",
                why="not one sample could be decoded",
                fix="record it again, or " + _FIX,
            )


def has_sound(path: Path | str) -> bool:
    """Whether a file has a sound track.

    Raises:
        AudioError: the file is missing or is neither sound nor video.
    """
    with _container(Path(path)) as container:
        return bool(container.streams.audio)


def _container(path: Path) -> InputContainer:
    check_file(path, AudioError, "sound file")
    import av

    try:
        return av.open(str(path.absolute()), metadata_errors="replace")
    except (av.FFmpegError, OSError, ValueError) as failure:
        raise AudioError(
            f"{path} cannot be played as sound",
            why=f"it is not a sound or video file, or it is damaged ({_short(failure)})",
            fix=_FIX,
        ) from failure


def _short(failure: Exception) -> str:
    return str(getattr(failure, "strerror", None) or failure)


def _offset_s(container: InputContainer) -> float:
    """Seconds from the first picture to the first sound; 0 without pictures."""
    films = container.streams.video
    if not films:
        return 0.0
    starts = [
        float(stream.start_time * stream.time_base)
        if stream.start_time is not None and stream.time_base is not None
        else 0.0
        for stream in (container.streams.audio[0], films[0])
    ]
    offset_s = starts[0] - starts[1]
    return offset_s if abs(offset_s) <= _LONGEST_LEAD_S else 0.0


def _pcm(container: InputContainer) -> Iterator[bytes]:
    """Decoded and resampled sound; ends where the file can no longer be read."""
    import av

    resampler = _resampler()
    for frame in chain(_decoded(container), [None]):
        try:
            pieces = resampler.resample(frame)
        except (av.FFmpegError, ValueError):
            # A damaged frame, or the track changes its rate: go on with the next one.
            resampler = _resampler()
            continue
        for piece in pieces:
            yield bytes(piece.planes[0])[: piece.samples * 2]


def _resampler() -> AudioResampler:
    from av.audio.resampler import AudioResampler

    return AudioResampler(format="s16", layout="mono", rate=SAMPLE_RATE)


def _decoded(container: InputContainer) -> Iterator[AudioFrame]:
    import av

    packets = container.demux(container.streams.audio[0])
    while True:
        try:
            packet = next(packets)
        except (StopIteration, av.FFmpegError):
            return
        try:
            yield from packet.decode()
        except av.FFmpegError:  # one bad packet; the next may be whole
            continue


def _even_blocks(pieces: Iterator[bytes], lead_samples: int) -> Iterator[bytes]:
    """Cut pieces of any size into blocks, after ``lead_samples`` of silence."""
    size = BLOCK_SAMPLES * 2
    pending = bytearray()
    while lead_samples >= BLOCK_SAMPLES:
        yield bytes(size)
        lead_samples -= BLOCK_SAMPLES
    pending += bytes(lead_samples * 2)
    for piece in pieces:
        pending += piece
        while len(pending) >= size:
            yield bytes(pending[:size])
            del pending[:size]
    if pending:
        yield bytes(pending)
