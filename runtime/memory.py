"""The ring of encoded frames: each frame is encoded once and used in many steps."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import Generic, TypeVar

import numpy as np
import numpy.typing as npt

from runtime.sampler import spread

FloatArray = npt.NDArray[np.float32]
Kept = TypeVar("Kept")

KEPT_FRAMES = 240
"""Frames that are kept for the answer to a whole clip; two minutes at two frames a second."""


@dataclass(frozen=True)
class EncodedFrame:
    """One frame after the frame encoder.

    Attributes:
        cls: float32 [C].
        tokens: float32 [P, D].
        time_s: media time in seconds.
    """

    cls: FloatArray
    tokens: FloatArray
    time_s: float


@dataclass(frozen=True)
class FrameWindow:
    """T frames as the query head takes them, padded with zeros.

    Attributes:
        cls: float32 [1, T, C].
        tokens: float32 [1, T, P, D].
        mask: float32 [1, T], 1 for frames and 0 for padding.
    """

    cls: FloatArray
    tokens: FloatArray
    mask: FloatArray


class FrameMemory(Generic[Kept]):
    """The latest frames of a presentation, oldest dropped first.

    Args:
        frames: T, the frames of one window.
        capacity: frames kept for `whole`.
    """

    def __init__(self, frames: int, capacity: int = KEPT_FRAMES) -> None:
        self._frames = frames
        self._kept: deque[Kept] = deque(maxlen=max(frames, capacity))

    def __len__(self) -> int:
        return len(self._kept)

    def add(self, frame: Kept) -> None:
        """Remember a frame."""
        self._kept.append(frame)

    def clear(self) -> None:
        """Forget all frames."""
        self._kept.clear()

    def latest(self) -> list[Kept]:
        """The last T frames, oldest first."""
        return list(self._kept)[-self._frames :]

    def whole(self) -> list[Kept]:
        """T frames spread evenly over everything kept."""
        return [self._kept[i] for i in spread(len(self._kept), self._frames)]


def window(
    frames: list[EncodedFrame], length: int, cls_size: int, token_shape: tuple[int, int]
) -> FrameWindow:
    """Stack at most ``length`` frames and pad the rest; no frames at all gives an all-zero mask."""
    count = min(len(frames), length)
    cls = np.empty((1, length, cls_size), np.float32)
    tokens = np.empty((1, length, *token_shape), np.float32)
    mask = np.zeros((1, length), np.float32)
    for i, frame in enumerate(frames[:count]):
        cls[0, i], tokens[0, i], mask[0, i] = frame.cls, frame.tokens, 1.0
    cls[0, count:] = tokens[0, count:] = 0.0
    return FrameWindow(cls, tokens, mask)
