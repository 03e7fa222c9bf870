"""Speech model and microphone."""

from __future__ import annotations

from collections.abc import Iterator
from ctypes.util import find_library
from importlib.util import find_spec
from pathlib import Path

from runtime import machine
from runtime.doctor.finding import Finding


def check_speech(asked: Path | None) -> Iterator[Finding]:
    """There is a Vosk model, and it loads."""
    from runtime.speech.child import VoskRecognizer
    from runtime.speech.model import MODEL_VARIABLE, find_model

    model = find_model(asked)
    if model is None:
        fix = f"give --speech-model DIR or set {MODEL_VARIABLE}"
        yield Finding("speech", "warn", "no Vosk model; pictures alone decide", fix)
        return
    recognizer = VoskRecognizer(model)
    try:
        recognizer.open()
    finally:
        recognizer.close()
    yield Finding("speech", "ok", f"Vosk model in {model}")


def check_microphone() -> Iterator[Finding]:
    """What a live microphone needs; clips and the demo do without."""
    if find_library("portaudio") is None:
        fix = "apt install libportaudio2, or your system's PortAudio"
        yield Finding("portaudio", "warn", "not installed; no live microphone", fix)
    else:
        yield Finding("portaudio", "ok", "installed")
    if find_spec("sounddevice") is None:
        fix = "pip install 'sgmn-edge[kiosk]'"
        yield Finding("sounddevice", "warn", "not installed; no live microphone", fix)
    else:
        yield Finding("sounddevice", "ok", machine.package_version("sounddevice") or "installed")
