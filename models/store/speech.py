"""Speech from text with the espeak-ng program."""

from __future__ import annotations

import io
import shutil
import subprocess
import wave
from dataclasses import dataclass

import av
import numpy as np

from runtime.errors import DependencyError, SpeechError

RATE = 16000  # samples a second

_LANGUAGES = ("en-us", "en-gb", "en-gb-x-rp")
_VARIANTS = ("f2", "f4", "f5", "m1", "m3", "m5")


@dataclass(frozen=True)
class Voice:
    """An espeak-ng voice; `pace` in words a minute, `pitch` 0-99."""

    name: str
    pace: int
    pitch: int


def random_voice(rng: np.random.Generator) -> Voice:
    """A voice drawn at random among English ones."""
    language, variant = rng.choice(_LANGUAGES), rng.choice(_VARIANTS)
    return Voice(f"{language}+{variant}", int(rng.integers(138, 160)), int(rng.integers(38, 63)))


def speak(text: str, voice: Voice) -> bytes:
    """`text` as a wav file: 16 kHz, mono, 16 bit."""
    return wav_bytes(spoken(text, voice))


def spoken(text: str, voice: Voice) -> np.ndarray:
    """`text` as int16 samples (n,) at 16 kHz."""
    command = [
        _program(), "-v", voice.name, "-s", str(voice.pace), "-p", str(voice.pitch), "--stdout",
    ]  # fmt: skip
    result = subprocess.run(command, input=text.encode(), capture_output=True, check=False)
    if result.returncode or not result.stdout:
        raise SpeechError(
            "The narration could not be spoken",
            why=result.stderr.decode(errors="replace").strip() or "espeak-ng returned no sound",
            fix=f"check that `espeak-ng -v {voice.name} hello` works",
        )
    return _resampled(result.stdout)


def wav_bytes(samples: np.ndarray) -> bytes:
    """int16 samples (n,) at 16 kHz as a wav file."""
    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE)
        file.writeframes(samples.astype("<i2").tobytes())
    return buffer.getvalue()


def espeak_version() -> str:
    """The version line of the installed espeak-ng."""
    result = subprocess.run([_program(), "--version"], capture_output=True, check=False)
    return result.stdout.decode(errors="replace").split("Data at")[0].strip()


def _program() -> str:
    path = shutil.which("espeak-ng")
    if path is None:
        raise DependencyError(
            "The narration cannot be spoken",
            why="the program espeak-ng is not installed",
            fix="apt-get install espeak-ng",
        )
    return path


def _resampled(sound: bytes) -> np.ndarray:
    """A wav file, any rate, as int16 samples (n,) at 16 kHz."""
    # Read by hand: with --stdout espeak-ng cannot know the length it writes in the header.
    rate = int.from_bytes(sound[24:28], "little")
    samples = np.frombuffer(sound[44:][: (len(sound) - 44) // 2 * 2], "<i2")
    frame = av.AudioFrame.from_ndarray(samples[None], format="s16", layout="mono")
    frame.sample_rate = rate
    resampler = av.AudioResampler(format="s16", layout="mono", rate=RATE)
    parts = [f.to_ndarray()[0] for f in (*resampler.resample(frame), *resampler.resample(None))]
    return np.concatenate(parts)
