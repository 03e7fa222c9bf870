"""Is a camera still there? Drivers say so long after it is not."""

from __future__ import annotations

import zlib

from runtime.capture.camera import BgrImage

_STEP = 4  # every fourth pixel each way; a sensor's noise shows in any of them


class FrameWatch:
    """Decides from the pictures alone, since an unplugged camera may still "read" its last one.

    Args:
        lost_after_s: without a picture for this long the camera is lost.
        frozen_after_s: with the same picture for this long, bit for bit, it is lost too.
    """

    def __init__(self, *, lost_after_s: float, frozen_after_s: float) -> None:
        self._lost_after_s = lost_after_s
        self._frozen_after_s = frozen_after_s
        self._last_s: float | None = None
        self._changed_s = 0.0
        self._mark: tuple[tuple[int, ...], int] | None = None

    def saw(self, image: BgrImage, now_s: float) -> None:
        """A picture came."""
        mark = image.shape, zlib.crc32(image[::_STEP, ::_STEP].tobytes())
        if mark != self._mark:
            self._mark, self._changed_s = mark, now_s
        self._last_s = now_s

    def trouble(self, now_s: float) -> str | None:
        """Why the camera counts as lost, or None. Says nothing before the first picture."""
        if self._last_s is None:
            return None
        if now_s - self._last_s > self._lost_after_s:
            return f"no picture for {now_s - self._last_s:.1f} s"
        if self._last_s - self._changed_s > self._frozen_after_s:
            return f"the same picture for {self._last_s - self._changed_s:.0f} s"
        return None
