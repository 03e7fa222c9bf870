"""A video file, played in media time."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from runtime.capture.camera import BgrImage, Frame
from runtime.capture.files import check_file
from runtime.capture.opencv import quiet_cv2
from runtime.capture.sound import has_sound
from runtime.errors import AudioError, ClipError, UsageError
from runtime.lifecycle import Closable

if TYPE_CHECKING:
    from cv2 import VideoCapture

_FIX = "see what ffplay says of it, or convert it: ffmpeg -i IN -c:v libx264 OUT.mp4"
_DECODER_THREADS = 2  # each one may hold a whole picture: 8000x8000 must not take gigabytes
_USUAL_FPS = 25.0
_MOST_BAD = 100  # damaged frames in a row that are skipped
_SLACK_S = 0.0005  # containers round their timestamps, at worst to a millisecond


@dataclass(frozen=True)
class ClipInfo:
    """What a clip says about itself; containers lie, so count the frames to be sure.

    Attributes:
        width: picture width in pixels, after rotation.
        height: picture height in pixels, after rotation.
        fps: nominal frames a second; 0 if unknown.
        frames: estimated number of frames; 0 if unknown.
        duration_s: estimated length in seconds; 0 if unknown.
        has_sound: whether there is a sound track.
    """

    width: int
    height: int
    fps: float
    frames: int
    duration_s: float
    has_sound: bool


class VideoClip(Closable):
    """A video file. Each call to ``frames`` plays it from the start, one frame in memory."""

    def __init__(self, path: Path | str) -> None:
        self.path = Path(path)
        self._playing: list[VideoCapture] = []

    def probe(self) -> ClipInfo:
        """What the container says, without playing it.

        Raises:
            ClipError: the file is missing, damaged or not a video.
        """
        cv2 = quiet_cv2()
        capture = self._open()
        try:
            width = int(capture.get(cv2.CAP_PROP_FRAME_WIDTH))
            height = int(capture.get(cv2.CAP_PROP_FRAME_HEIGHT))
            fps = _positive(capture.get(cv2.CAP_PROP_FPS))
            count = int(_positive(capture.get(cv2.CAP_PROP_FRAME_COUNT)))
        finally:
            self._release(capture)
        length_s = count / fps if fps else 0.0
        return ClipInfo(width, height, fps, count, length_s, _sounds(self.path))

    def frames(self, fps: float | None = None) -> Iterator[Frame]:
        """Frames in order of media time, the first at 0 s.

        Damaged frames are left out; a clip that is cut short gives the frames before the cut.

        Args:
            fps: frames a second of media time; the frame given is the first at or after each due
                time, and no frame is given twice. None gives every frame.

        Raises:
            UsageError: ``fps`` is not a positive number.
            ClipError: the file is missing, damaged, not a video, or none of its frames decodes.
        """
        if fps is not None and not (math.isfinite(fps) and fps > 0):
            raise UsageError(
                f"cannot sample {fps} frames a second",
                why="the frame rate must be a positive number",
                fix="give a rate such as 2",
            )
        return self._play(1 / fps if fps else 0.0)

    def close(self) -> None:
        """Free the file; players still running end."""
        while self._playing:
            self._playing.pop().release()

    def _play(self, step_s: float) -> Iterator[Frame]:
        capture = self._open()
        try:
            due_s, given = 0.0, False
            for index, time_s in _timeline(capture):
                image = _picture(capture) if time_s + _SLACK_S >= due_s else None
                if image is None:
                    continue
                yield Frame(image, time_s, index)
                given = True
                if step_s:
                    due_s = (math.floor((time_s + _SLACK_S) / step_s) + 1) * step_s
            if not given:
                raise ClipError(
                    f"no picture of {self.path} can be decoded",
                    why="the video stream is damaged or uses an unknown codec",
                    fix=_FIX,
                )
        finally:
            self._release(capture)

    def _open(self) -> VideoCapture:
        check_file(self.path, ClipError, "video clip")
        cv2 = quiet_cv2()
        capture: VideoCapture = cv2.VideoCapture(
            str(self.path.absolute()),
            cv2.CAP_FFMPEG,
            [cv2.CAP_PROP_N_THREADS, _DECODER_THREADS],
        )
        if not capture.isOpened():
            capture.release()
            raise ClipError(
                f"{self.path} cannot be played as a video", why=_reason(self.path), fix=_FIX
            )
        self._playing.append(capture)
        return capture

    def _release(self, capture: VideoCapture) -> None:
        if capture in self._playing:
            self._playing.remove(capture)
        capture.release()


def _timeline(capture: VideoCapture) -> Iterator[tuple[int, float]]:
    """Grab frame after frame; index and seconds since the first one.

    Raw streams have no timestamps and broken files have some that stand still or go back; there
    the nominal frame rate counts.
    """
    cv2 = quiet_cv2()
    usual_s = 1 / (_positive(capture.get(cv2.CAP_PROP_FPS)) or _USUAL_FPS)
    start_s, last_s, index, bad = 0.0, 0.0, 0, 0
    while bad <= _MOST_BAD:
        if not capture.grab():  # the end, or a damaged frame: OpenCV does not say which
            bad += 1
            continue
        stamp_s = capture.get(cv2.CAP_PROP_POS_MSEC) / 1000
        if index == 0:
            start_s = stamp_s if math.isfinite(stamp_s) else 0.0
        else:
            time_s = stamp_s - start_s
            last_s = time_s if last_s < time_s < math.inf else last_s + usual_s
        yield index, last_s
        index, bad = index + 1, 0


def _picture(capture: VideoCapture) -> BgrImage | None:
    ok, image = capture.retrieve()
    if not ok or image is None or image.size == 0:
        return None
    if image.ndim == 2:
        image = np.repeat(image[:, :, None], 3, axis=2)
    return np.ascontiguousarray(image, dtype=np.uint8)


def _positive(value: float) -> float:
    """Containers without an index answer with huge negative numbers or NaN."""
    return value if math.isfinite(value) and value > 0 else 0.0


def _sounds(path: Path) -> bool:
    """A sound track that cannot be read must not stop the pictures."""
    try:
        return has_sound(path)
    except AudioError:
        return False


def _reason(path: Path) -> str:
    if _sounds(path):
        return "it has sound but no pictures that can be decoded"
    return "it is not a video, its index is missing (cut short while recording), or it is damaged"
