"""Opening the source of a clip's words, with speech switched off loudly where it cannot work."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from runtime.commands.output import note

if TYPE_CHECKING:
    from runtime.playback import Words

NO_MODEL = (
    "Speech is OFF: no Vosk model found. Pictures alone decide. "
    "Fix: give --speech-model DIR or set SGMN_SPEECH_MODEL."
)


@contextmanager
def open_words(
    *, sound: Path | None, text: str, speech_model: Path | None, required: bool = False
) -> Iterator[Words]:
    """The words of a clip: fixed text, or sound with an open recognizer.

    Args:
        sound: file whose sound track is recognised; None for text or nothing.
        text: fixed text.
        speech_model: folder of a Vosk model, or None for the default one.
        required: whether the file must have sound; a clip without is silent.

    Raises:
        SpeechError: the speech model named is missing or damaged.
        AudioError: sound was required and there is none.
    """
    from runtime.playback import Words
    from runtime.speech.child import VoskRecognizer
    from runtime.speech.model import find_model

    if sound is None or not _audible(sound, required):
        yield Words(text=text)
        return
    model = find_model(speech_model)
    if model is None:
        note(NO_MODEL)
        yield Words()
        return
    recognizer = VoskRecognizer(model)
    recognizer.open()
    try:
        yield Words(sound=sound, recognizer=recognizer)
    finally:
        recognizer.close()


def _audible(sound: Path, required: bool) -> bool:
    """Whether a file gives sound; of a clip that should but does not, the pictures still count."""
    from runtime.capture.sound import NoSound, read_sound
    from runtime.errors import AudioError

    try:
        next(read_sound(sound))
    except AudioError as error:
        if required:
            raise
        if not isinstance(error, NoSound):
            note(f"Speech is OFF: {error.what} ({error.why}). Pictures alone decide.")
        return False
    return True
