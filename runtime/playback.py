"""A recorded clip played through the matcher: pictures and sound meet by media time."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from runtime.capture.camera import Frame
from runtime.capture.clip import VideoClip
from runtime.capture.sound import SoundBlock, read_sound
from runtime.matcher import Matcher, Step
from runtime.speech.recognizer import Recognizer, Transcript


@dataclass(frozen=True)
class Moment:
    """One step of a playing clip.

    Attributes:
        frame: the frame that the step added.
        transcript: heard up to the frame's time.
        step: what the matcher found; for the last moment of a clip, its answer.
        speech_ms: time the recognizer took since the moment before.
        last: whether this is the answer to the whole clip.
    """

    frame: Frame
    transcript: Transcript
    step: Step
    speech_ms: float
    last: bool = False

    def without_picture(self) -> Moment:
        """The moment kept for its figures; long clips would fill the memory with pictures."""
        empty = np.zeros((0, 0, 3), np.uint8)
        return replace(self, frame=replace(self.frame, image=empty))


@dataclass(frozen=True)
class Words:
    """Where a clip's words come from: fixed text, a sound file with a recognizer, or nowhere."""

    text: str = ""
    sound: Path | None = None
    recognizer: Recognizer | None = None


def play(clip: Path, words: Words, matcher: Matcher, *, paced: bool = False) -> Iterator[Moment]:
    """Play a clip; the last moment answers it.

    Args:
        clip: a video file.
        words: the source of its words.
        matcher: reset before the first frame.
        paced: keep to the clip's own time instead of going as fast as possible.

    Raises:
        ClipError: the clip cannot be played.
        AudioError: its sound cannot be read.
        SpeechError: the recognizer failed.
    """
    matcher.reset()
    listener = _Listener(words)
    begun = time.monotonic()
    frame: Frame | None = None
    with VideoClip(clip) as video:
        for frame in video.frames(matcher.sampling_fps):
            if paced:
                time.sleep(max(0.0, begun + frame.time_s - time.monotonic()))
            transcript, speech_ms = listener.until(frame.time_s)
            matcher.hear(transcript.text)
            matcher.see(frame.image, frame.time_s)
            yield Moment(frame, transcript, matcher.step(frame.time_s), speech_ms)
    if frame is not None:
        transcript, speech_ms = listener.rest()
        matcher.hear(transcript.text)
        answer = matcher.conclude(frame.time_s)
        yield Moment(frame, transcript, answer, speech_ms, last=True)


class _Listener:
    """Feeds sound to the recognizer up to a media time."""

    def __init__(self, words: Words) -> None:
        self._recognizer = words.recognizer if words.sound is not None else None
        self._transcript = Transcript(final=words.text)
        self._blocks: Iterator[SoundBlock] = iter(())
        if words.sound is not None and self._recognizer is not None:
            self._recognizer.reset()
            self._blocks = read_sound(words.sound)
        self._ahead: SoundBlock | None = None

    def until(self, time_s: float) -> tuple[Transcript, float]:
        begun = time.perf_counter()
        while (block := self._next()) is not None and block.end_s <= time_s:
            self._accept(block)
        return self._transcript, (time.perf_counter() - begun) * 1e3

    def rest(self) -> tuple[Transcript, float]:
        begun = time.perf_counter()
        while (block := self._next()) is not None:
            self._accept(block)
        if self._recognizer is not None:
            self._transcript = self._recognizer.finish()
        return self._transcript, (time.perf_counter() - begun) * 1e3

    def _next(self) -> SoundBlock | None:
        if self._ahead is None:
            self._ahead = next(self._blocks, None)
        return self._ahead

    def _accept(self, block: SoundBlock) -> None:
        self._ahead = None
        if self._recognizer is not None:
            self._transcript = self._recognizer.accept(block.pcm)
