"""Where pictures come from: files, drawings that belong together, and videos."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from functools import lru_cache, partial
from pathlib import Path
from typing import overload

import cv2
import numpy as np
import numpy.typing as npt

from models.data.corpus import Picture
from runtime.capture.clip import VideoClip
from runtime.errors import ClipListError

BgrImage = npt.NDArray[np.uint8]

VIDEO_FPS = 1.0
"""Pictures a second of a video, as LPR4M publishes its frames (publication 1.2)."""


def read_picture(path: Path) -> BgrImage:
    """Decode a picture file.

    Raises:
        ClipListError: it is missing or not a picture.
    """
    picture = cv2.imread(str(path))
    if picture is None:
        raise ClipListError(
            f"cannot read the picture {path}",
            why="it is missing or not a picture",
            fix="restore the file, or check the data folder",
        )
    return np.asarray(picture, np.uint8)


def picture_file(path: Path) -> Picture:
    """A picture that is read when it is asked for."""
    return partial(read_picture, path)


def nth_of(draw: Callable[[], list[BgrImage]], count: int) -> tuple[Picture, ...]:
    """Pictures that are drawn together and asked for one after the other.

    Two drawings at a time are held in memory, so ask for pictures drawing by drawing.
    """
    return tuple(partial(_nth, draw, i) for i in range(count))


def _nth(draw: Callable[[], list[BgrImage]], index: int) -> BgrImage:
    return _drawn(draw)[index]


@lru_cache(maxsize=2)
def _drawn(draw: Callable[[], list[BgrImage]]) -> list[BgrImage]:
    return draw()


class VideoPictures(Sequence[Picture]):
    """The pictures of a video at 1 fps, decoded when first asked for.

    Nothing is opened before; one video at a time is held in memory, so ask for pictures video by
    video. Which of them the network sees is for `runtime.sampler.spread` to say.

    Args:
        path: a file that `runtime.capture.clip.VideoClip` plays.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._count: int | None = None

    def __len__(self) -> int:
        """Number of pictures.

        Raises:
            ClipError: the file is missing, damaged or not a video.
        """
        if self._count is None:
            self._count = len(_played(self.path))
        return self._count

    @overload
    def __getitem__(self, index: int) -> Picture: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Picture]: ...
    def __getitem__(self, index: int | slice) -> Picture | Sequence[Picture]:
        """The pictures are not decoded before they are called."""
        numbers = range(len(self))[index]
        if isinstance(numbers, range):
            return tuple(partial(_picture_of, self.path, i) for i in numbers)
        return partial(_picture_of, self.path, numbers)


@lru_cache(maxsize=1)
def _played(path: Path) -> tuple[BgrImage, ...]:
    with VideoClip(path) as video:
        return tuple(frame.image for frame in video.frames(VIDEO_FPS))


def _picture_of(path: Path, index: int) -> BgrImage:
    return _played(path)[index]


def digest(*parts: object) -> str:
    """Identify data and how it is drawn.

    Args:
        parts: settings, and paths of files or folders, which count by names and sizes.
    """
    found = hashlib.sha256()
    for part in parts:
        if isinstance(part, Path):
            files = sorted(p for p in part.rglob("*") if p.is_file()) if part.is_dir() else [part]
            for file in files:
                found.update(f"{file.name}:{file.stat().st_size};".encode())
        else:
            found.update(f"{part!r};".encode())
    return found.hexdigest()
