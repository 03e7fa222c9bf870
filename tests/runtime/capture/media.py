"""Real media files, made on the fly."""

from __future__ import annotations

import wave
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import numpy.typing as npt

Pcm = npt.NDArray[np.int16]


def shade(index: int, size: tuple[int, int] = (48, 32)) -> npt.NDArray[np.uint8]:
    """A picture that tells its number from 0 to 30, see ``number``: uint8 [H, W, 3]."""
    return np.full((size[1], size[0], 3), 8 * index % 256, np.uint8)


def number(image: npt.NDArray[np.uint8]) -> int:
    """The number that a picture made by ``shade`` tells, even after lossy compression."""
    return round(float(image.mean()) / 8)


def write_clip(
    path: Path,
    images: Sequence[npt.NDArray[np.uint8]],
    *,
    fps: int = 10,
    codec: str = "ffv1",
    stamps_ms: Sequence[int] | None = None,
    sound: Pcm | None = None,
    sound_start_s: float = 0.0,
) -> Path:
    """A video file with an optional sound track (16 kHz mono), container by file name."""
    with av.open(str(path), "w") as container:
        film = container.add_stream(codec, rate=fps)
        film.height, film.width = images[0].shape[:2]
        film.pix_fmt = {"ffv1": "bgr0", "mjpeg": "yuvj420p"}.get(codec, "yuv420p")
        film.codec_context.time_base = Fraction(1, 1000)
        track = container.add_stream("pcm_s16le", rate=16_000) if sound is not None else None
        if track is not None:
            track.layout = "mono"
        for index, image in enumerate(images):
            frame = av.VideoFrame.from_ndarray(image, format="bgr24")
            frame.pts = stamps_ms[index] if stamps_ms else index * 1000 // fps
            frame.time_base = Fraction(1, 1000)
            container.mux(film.encode(frame))
        container.mux(film.encode(None))
        if track is not None and sound is not None:
            piece = av.AudioFrame.from_ndarray(sound[None], format="s16", layout="mono")
            piece.sample_rate, piece.time_base = 16_000, Fraction(1, 16_000)
            piece.pts = int(sound_start_s * 16_000)
            container.mux(track.encode(piece))
            container.mux(track.encode(None))
    return path


def write_wav(path: Path, samples: Pcm, rate: int = 16_000) -> Path:
    """A wav file of int16 samples [N] or [N, channels]."""
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1 if samples.ndim == 1 else samples.shape[1])
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes(samples.tobytes())
    return path


def tone(hertz: float, seconds: float, rate: int = 16_000) -> Pcm:
    """A sine wave at half scale."""
    time_s = np.arange(int(seconds * rate)) / rate
    return (16_000 * np.sin(2 * np.pi * hertz * time_s)).astype(np.int16)


def write_rewired_wav(path: Path, source: Path, *, rate: int, stereo: bool) -> Path:
    """The sound of ``source`` at another rate and number of channels."""
    layout = "stereo" if stereo else "mono"
    resampler = av.AudioResampler(format="s16", layout=layout, rate=rate)
    with av.open(str(source)) as container:
        frames = [*container.decode(audio=0), None]
        pieces = [piece.to_ndarray() for frame in frames for piece in resampler.resample(frame)]
    samples = np.concatenate(pieces, axis=1).reshape(-1)
    return write_wav(path, samples.reshape(-1, 2) if stereo else samples, rate)
