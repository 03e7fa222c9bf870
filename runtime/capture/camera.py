"""The camera protocol and the frame it gives."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt

BgrImage = npt.NDArray[np.uint8]


@dataclass(frozen=True)
class Frame:
    """One picture.

    Attributes:
        image: uint8 [H, W, 3], BGR as OpenCV gives it.
        time_s: media time in seconds; for a live camera the monotonic clock's.
        index: running number of the frame at its source.
    """

    image: BgrImage
    time_s: float
    index: int


@runtime_checkable
class Camera(Protocol):
    """A source of frames. ``close`` is legal in every state."""

    def open(self) -> None:
        """Start capturing.

        Raises:
            CameraError: the source cannot be opened.
            ClipError: the source is a file that cannot be played.
        """

    def read(self, timeout_s: float) -> Frame | None:
        """The newest frame not yet read, or None if none came in time or a clip has ended.

        Raises:
            CameraError: the source is lost; open it again.
        """

    def close(self) -> None:
        """Stop and free the source."""
