"""Speech on file, and a recognizer that is closed whatever happens."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from runtime.speech.child import VoskRecognizer


@pytest.fixture
def vosk(speech_model: Path) -> Iterator[VoskRecognizer]:
    """An open recognizer with the shipped model."""
    recognizer = VoskRecognizer(speech_model, timeout_s=20)
    recognizer.open()
    yield recognizer
    recognizer.close()


@pytest.fixture(scope="session")
def sentences(assets: Path) -> dict[Path, str]:
    """Wav files of synthetic sentences and what they say."""
    folder = assets / "speech" / "wavs"
    rows = [line.split("\t") for line in (folder / "refs.tsv").read_text().splitlines()]
    return {folder / name: text for name, text, kind in rows if kind.startswith("synthetic")}
