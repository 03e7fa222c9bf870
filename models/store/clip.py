"""A narrated clip: the sound track of a narration and an MP4 file of frames and sound."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

from models.store.speech import RATE, Voice, spoken

LEAD = 0.7  # seconds before the first sentence
_CEILING = {"maxrate": "330k", "bufsize": "660k"}  # keeps ten seconds under 500 KB
HEADROOM = 0.5  # seconds of silence kept at the end


def sound_track(
    narration: str, voice: Voice, seconds: float, rng: np.random.Generator
) -> np.ndarray:
    """The narration over faint room noise: int16 (seconds * 16000,).

    Sentences are spread over the clip; what does not fit in `seconds` is left out.
    """
    sentences = [part.strip() for part in narration.split(".") if part.strip()]
    voiced = [_trimmed(spoken(sentence, voice)) for sentence in sentences]
    total = int(seconds * RATE)
    free = total - int((LEAD + HEADROOM) * RATE) - sum(map(len, voiced))
    pause = max(0, min(int(1.1 * RATE), free // max(len(voiced) - 1, 1)))
    track = rng.normal(0, 12, total)
    start = int(LEAD * RATE)
    for samples in voiced:
        part = samples[: max(total - start, 0)]
        track[start : start + len(part)] += part * 0.8
        start += len(samples) + pause
    return np.clip(track, -32768, 32767).astype(np.int16)


def write_clip(
    path: Path,
    frames: Iterable[np.ndarray],
    size: tuple[int, int],
    fps: Fraction,
    track: np.ndarray,
    quality: int = 27,
) -> None:
    """Writes H.264 and AAC; BGR frames (height, width, 3), `quality` is the x264 CRF."""
    with av.open(str(path), "w", options={"movflags": "+faststart"}) as container:
        video = container.add_stream("libx264", rate=fps)
        video.width, video.height = size
        video.pix_fmt = "yuv420p"
        video.options = {"crf": str(quality), "preset": "slow", "threads": "1", **_CEILING}
        audio = container.add_stream("aac", rate=RATE)
        audio.layout = "mono"
        audio.bit_rate = 48000
        for image in frames:
            picture = av.VideoFrame.from_ndarray(image, format="bgr24")
            container.mux(video.encode(picture))
        container.mux(video.encode(None))
        for packet in _encoded(audio, track):
            container.mux(packet)


def _encoded(audio: av.AudioStream, track: np.ndarray) -> Iterator[av.Packet[av.AudioStream]]:
    step = 1024  # samples in an AAC frame
    for start in range(0, len(track), step):
        part = track[start : start + step]
        frame = av.AudioFrame.from_ndarray(part[None], format="s16", layout="mono")
        frame.sample_rate = RATE
        frame.pts = start
        frame.time_base = Fraction(1, RATE)
        yield from audio.encode(frame)
    yield from audio.encode(None)


def _trimmed(samples: np.ndarray) -> np.ndarray:
    """Without the silence that the synthesiser adds before and after."""
    loud = np.flatnonzero(np.abs(samples.astype(np.int32)) > 60)
    if not len(loud):
        return samples
    return samples[max(loud[0] - 400, 0) : loud[-1] + 800]
