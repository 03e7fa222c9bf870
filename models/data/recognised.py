"""Real recogniser errors: sentences spoken by espeak-ng and heard by Vosk, kept in a file.

`python -m models.data.recognised SENTENCES --out PAIRS` takes a sentence a line. The tiny model
that is shipped knows some 500 words; what it makes of others is an error like any, but no measure
of a store's model: give that one with ``--speech-model``.
"""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TextIO

import click
import numpy as np

from models.data.tables import Place
from models.store.speech import RATE, Voice, random_voice, spoken
from runtime.catalog.importer import Progress
from runtime.commands.output import progress as shown_progress
from runtime.errors import InputError, SgmnError, SpeechError, StorageError
from runtime.speech.child import VoskRecognizer
from runtime.speech.model import check_model, find_model
from runtime.speech.recognizer import Recognizer

PAUSE_S = 0.5
"""Silence before and after a sentence; without it the first word is often lost."""

HISS = 12.0
"""Standard deviation of the noise under the speech, in steps of 16 bit sound."""


@dataclass(frozen=True)
class Pair:
    """A sentence and what was heard of it.

    Attributes:
        key: digest of sentence, voice and model.
        sentence: as spoken.
        heard: as recognised; empty where nothing was.
        voice: of espeak-ng.
        model: digest of the speech model.
    """

    key: str
    sentence: str
    heard: str
    voice: Voice
    model: str

    def line(self) -> str:
        """One JSON line."""
        return json.dumps(asdict(self), ensure_ascii=False) + "\n"


def recognise(
    sentences: Iterable[str],
    model: Path,
    cache: Path,
    progress: Progress,
    *,
    seed: int = 0,
    voices: int = 1,
) -> dict[str, list[str]]:
    """What a recogniser hears of sentences, each spoken by voices drawn at random.

    Every pair is on the disk before the next is spoken, and none is spoken twice: a run that was
    stopped goes on where it ended.

    Args:
        sentences: to speak; blank and repeated ones are left out.
        model: folder of a Vosk model.
        cache: JSON lines, see `Pair`; made where it does not exist.
        progress: shows progress, as `runtime.commands.output.progress`.
        seed: of the voices; a sentence's voices depend on it and on nothing else.
        voices: how many speak each sentence.

    Returns:
        By sentence, what was heard of each voice.

    Raises:
        SpeechError: the model is missing or damaged, or cannot go on.
        DependencyError: espeak-ng is not installed.
        ClipListError: the cache has a line that is no pair.
        StorageError: the cache cannot be written.
    """
    check_model(model)
    named = model_digest(model)
    wanted = {
        _key(sentence, voice, named): (sentence, voice)
        for sentence in dict.fromkeys(s.strip() for s in sentences)
        if sentence
        for voice in _voices(sentence, seed, voices)
    }
    known = {pair.key: pair for pair in read_pairs(cache)}
    fresh = [(key, *asked) for key, asked in wanted.items() if key not in known]
    if fresh:
        listener = VoskRecognizer(model)
        listener.open()
        try:
            with _appending(cache) as file:
                for key, sentence, voice in progress(fresh, label="Speaking", total=len(fresh)):
                    pair = Pair(key, sentence, _heard(listener, sentence, voice), voice, named)
                    known[key] = pair
                    file.write(pair.line())
                    file.flush()
        finally:
            listener.close()
    return by_sentence(known[key] for key in wanted)


def by_sentence(pairs: Iterable[Pair]) -> dict[str, list[str]]:
    """What was heard, by sentence, as `models.data.augmentation.speech.spoil` takes it."""
    found: dict[str, list[str]] = {}
    for pair in pairs:
        found.setdefault(pair.sentence, []).append(pair.heard)
    return found


def read_pairs(cache: Path) -> Iterator[Pair]:
    """All pairs of a file; none if it is not there. A last line that was cut short is left out.

    Raises:
        ClipListError: a line is no pair; names it.
    """
    if not cache.is_file():
        return
    for number, line in enumerate(_whole_lines(cache), start=1):
        try:
            fields = json.loads(line)
            yield Pair(**{**fields, "voice": Voice(**fields["voice"])})
        except (ValueError, TypeError, KeyError) as error:
            raise Place(cache, f"line {number}").error(f"it is no pair ({error})") from error


def model_digest(model: Path) -> str:
    """Names a speech model by the content of its files."""
    found = hashlib.sha256()
    for path in sorted(p for p in model.rglob("*") if p.is_file()):
        found.update(f"{path.relative_to(model).as_posix()}:".encode())
        found.update(hashlib.sha256(path.read_bytes()).digest())
    return found.hexdigest()


def _voices(sentence: str, seed: int, count: int) -> list[Voice]:
    own = int.from_bytes(hashlib.sha256(sentence.encode()).digest()[:8], "little")
    rng = np.random.default_rng([seed, own])
    return [random_voice(rng) for _ in range(count)]


def _key(sentence: str, voice: Voice, model: str) -> str:
    made_of = [sentence, voice.name, voice.pace, voice.pitch, model]
    return hashlib.sha256(json.dumps(made_of).encode()).hexdigest()


def _heard(listener: Recognizer, sentence: str, voice: Voice) -> str:
    samples = spoken(sentence, voice).astype(np.float64)
    pause = np.zeros(int(PAUSE_S * RATE))
    track = np.concatenate([pause, samples, pause])
    track += np.random.default_rng(len(track)).normal(0, HISS, len(track))
    listener.reset()
    listener.accept(np.clip(track, -32768, 32767).astype("<i2").tobytes())
    return listener.finish().text


def _whole_lines(cache: Path) -> list[str]:
    return cache.read_text(encoding="utf-8").split("\n")[:-1]


def _appending(cache: Path) -> TextIO:
    """Open for more lines; a last one that was cut short goes first."""
    try:
        cache.parent.mkdir(parents=True, exist_ok=True)
        whole = "".join(f"{line}\n" for line in _whole_lines(cache)) if cache.is_file() else ""
        file = cache.open("r+" if cache.is_file() else "w", encoding="utf-8", newline="\n")
        file.seek(len(whole.encode()))
        file.truncate()
        return file
    except OSError as error:
        raise StorageError(
            f"cannot write {cache}",
            why=str(error),
            fix="give a file in a folder that can be written",
        ) from error


_path = click.Path(path_type=Path)


@click.command("python -m models.data.recognised")
@click.argument("sentences", type=_path)
@click.option("--out", type=_path, required=True, help="File of pairs; it is gone on with.")
@click.option("--speech-model", type=_path, help="Folder of a Vosk model.")
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True)
@click.option("--voices", type=click.IntRange(min=1), default=1, show_default=True)
def main(sentences: Path, out: Path, speech_model: Path | None, seed: int, voices: int) -> None:
    """Speak every line of the file SENTENCES and write what is recognised."""
    try:
        _run(sentences, out, speech_model, seed, voices)
    except SgmnError as error:
        sys.stderr.write(f"error: {error}\n")
        sys.exit(error.exit_code)


def _run(sentences: Path, out: Path, speech_model: Path | None, seed: int, voices: int) -> None:
    model = find_model(speech_model)
    if model is None:
        why = "none was given and none is shipped"
        raise SpeechError("there is no speech model", why=why, fix="give --speech-model")
    try:
        lines = sentences.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        fix = "give a UTF-8 file with a sentence a line"
        raise InputError(f"cannot read {sentences}", why=str(error), fix=fix) from error
    found = recognise(lines, model, out, shown_progress, seed=seed, voices=voices)
    click.echo(f"{sum(map(len, found.values()))} pairs of {len(found)} sentences in {out}")


if __name__ == "__main__":
    main()
