"""Damaged files of every kind, by chance but always the same: an error of ours or a result."""

from __future__ import annotations

import random
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest

from runtime.capture.clip import VideoClip
from runtime.capture.sound import read_sound
from runtime.errors import AudioError, ClipError
from tests.runtime.capture.media import shade, tone, write_clip, write_wav


def damage(content: bytes, chance: random.Random) -> bytes:
    """Cut, sprinkle with wrong bytes, or blank a stretch."""
    spoilt = bytearray(content)
    kind = chance.randrange(3)
    if kind == 0:
        return bytes(spoilt[: chance.randrange(len(spoilt))])
    if kind == 1:
        for _ in range(chance.choice([1, 10, 100])):
            end = chance.choice([len(spoilt), min(2_000, len(spoilt))])
            spoilt[chance.randrange(end)] = chance.randrange(256)
        return bytes(spoilt)
    start = chance.randrange(len(spoilt))
    spoilt[start : start + chance.randrange(5_000)] = bytes(chance.randrange(5_000))
    return bytes(spoilt)


@pytest.mark.parametrize("suffix", [".mkv", ".mp4", ".avi", ".wav"])
def test_damage_never_escapes_as_another_error(tmp_path: Path, suffix: str) -> None:
    whole = tmp_path / f"whole{suffix}"
    if suffix == ".wav":
        write_wav(whole, tone(440, 1.0))
    else:
        codec = "mpeg4" if suffix == ".avi" else "libx264"
        images = [shade(index, (64, 48)) for index in range(25)]
        write_clip(whole, images, fps=25, codec=codec, sound=tone(440, 1.0))
    content, chance = whole.read_bytes(), random.Random(suffix)
    path = tmp_path / f"damaged{suffix}"
    played = 0
    for _ in range(60):
        path.write_bytes(damage(content, chance))
        with suppress(ClipError):
            played += sum(frame.image.size > 0 for frame in VideoClip(path).frames(5))
        with suppress(AudioError):
            played += sum(len(block.pcm) > 0 for block in read_sound(path))
    assert played, "some files must survive, or nothing was tried"


def test_the_modules_load_without_their_heavy_libraries() -> None:
    """So that commands that need no camera start at once, and run where there is no PortAudio."""
    script = (
        "import sys\n"
        "import runtime.capture.clip, runtime.capture.sound, runtime.capture.live_camera\n"
        "import runtime.capture.live_microphone, runtime.capture.reopening, runtime.capture.fake\n"
        "import runtime.speech.child, runtime.speech.supervised, runtime.speech.model\n"
        "print([name for name in ('cv2', 'av', 'vosk', 'sounddevice') if name in sys.modules])\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"
