"""Media files that go wrong in one way each."""

from __future__ import annotations

from pathlib import Path

import av
import numpy as np

from tests.runtime.capture.media import shade


def write_clip_with_an_empty_track(path: Path) -> Path:
    """Pictures beside a sound track that has not one sample."""
    with av.open(str(path), "w") as container:
        film = container.add_stream("mjpeg", rate=10)
        film.width, film.height, film.pix_fmt = 48, 32, "yuvj420p"
        track = container.add_stream("pcm_s16le", rate=16_000)
        track.layout = "mono"
        for index in range(6):
            frame = av.VideoFrame.from_ndarray(shade(index), format="bgr24")
            frame.pts = index
            container.mux(film.encode(frame))
        container.mux(film.encode(None))
    return path


def write_sound_only(path: Path, samples: np.ndarray) -> Path:
    """A film's container that holds sound and no picture."""
    with av.open(str(path), "w") as container:
        track = container.add_stream("aac", rate=16_000)
        track.layout = "mono"
        piece = av.AudioFrame.from_ndarray(samples[None], format="s16", layout="mono")
        piece.sample_rate = 16_000
        container.mux(track.encode(piece))
        container.mux(track.encode(None))
    return path


def cut(path: Path, source: Path, share: float) -> Path:
    """The first part of a file."""
    whole = source.read_bytes()
    path.write_bytes(whole[: int(len(whole) * share)])
    return path
