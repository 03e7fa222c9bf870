"""A camera or network stream, read by a thread of its own."""

from __future__ import annotations

import os
import re
import sys
import threading
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from runtime.capture.camera import Frame
from runtime.capture.frame_watch import FrameWatch
from runtime.capture.opencv import quiet_cv2
from runtime.errors import CameraError

if TYPE_CHECKING:
    from cv2 import VideoCapture

_FIX = "check plug, power and network of the camera, and the source in the settings"
# Threads whose native call did not return, by source. A second call would only hang beside it.
_hanging: dict[str, threading.Thread] = {}

_PAUSE_S = 0.02  # after a failed read, so that a dead stream does not burn a core


class LiveCamera:
    """A `Camera` on a device or stream; the newest frame wins.

    Args:
        source: number of a camera ("0"), path of a device (best one below /dev/v4l/by-id, which
            stays the same after a reboot), or the URL of a stream (rtsp, http, udp, tcp).
        open_timeout_s: the longest time from opening to the first picture.
        lost_after_s: without a picture for this long the camera is lost.
        frozen_after_s: with the very same picture for this long the camera is lost.
    """

    def __init__(
        self,
        source: str,
        *,
        open_timeout_s: float = 10.0,
        lost_after_s: float = 2.0,
        frozen_after_s: float = 10.0,
    ) -> None:
        self.source = source
        self._open_timeout_s = open_timeout_s
        self._lost_after_s = lost_after_s
        self._frozen_after_s = frozen_after_s
        self._grabber: _Grabber | None = None

    def open(self) -> None:
        """Start capturing and wait for the first picture.

        Raises:
            CameraError: there is no such camera, or no picture came in time.
        """
        if self._grabber is not None:
            return
        _check_device(self.source)
        if (earlier := _hanging.get(self.source)) is not None and earlier.is_alive():
            raise _lost(self.source, "an earlier call to its driver still hangs")
        watch = FrameWatch(lost_after_s=self._lost_after_s, frozen_after_s=self._frozen_after_s)
        capture = partial(_capture, self.source, self._open_timeout_s, self._lost_after_s)
        grabber = _Grabber(self.source, capture, watch)
        grabber.start()
        self._grabber = grabber
        try:
            grabber.wait_for_picture(self._open_timeout_s)
        except CameraError:
            self.close()
            raise

    def read(self, timeout_s: float) -> Frame | None:
        """The newest frame not yet read, stamped with the monotonic clock, or None.

        Raises:
            CameraError: the camera is lost, or was not opened.
        """
        grabber = self._grabber
        if grabber is None:
            raise _lost(self.source, "it is not open")
        return grabber.next(timeout_s)

    def close(self) -> None:
        """Stop within two seconds; a native read that hangs is left behind to end by itself."""
        grabber, self._grabber = self._grabber, None
        if grabber is not None:
            grabber.stop()


class _Grabber:
    """One opening of a source: the thread, and the slot for its newest frame."""

    def __init__(self, source: str, capture: Callable[[], VideoCapture], watch: FrameWatch) -> None:
        self._source = source
        self._capture = capture
        self._watch = watch
        self._news = threading.Condition()
        self._stopped = False
        self._frame: Frame | None = None
        self._count = 0
        self._failure: str | None = None
        self._thread = threading.Thread(target=self._run, daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        with self._news:
            self._stopped = True
            self._news.notify_all()
        self._thread.join(timeout=1.5)
        if self._thread.is_alive():
            _hanging[self._source] = self._thread

    def wait_for_picture(self, timeout_s: float) -> None:
        with self._news:
            self._news.wait_for(lambda: self._count or self._failure or self._stopped, timeout_s)
            if self._failure is None and not self._count:
                gone = "it was closed" if self._stopped else f"no picture within {timeout_s:g} s"
                raise _lost(self._source, gone)
            self._raise_trouble()

    def next(self, timeout_s: float) -> Frame | None:
        deadline = time.monotonic() + timeout_s
        with self._news:
            while not self._stopped:
                # First the trouble: a frozen camera never runs out of frames.
                self._raise_trouble()
                if self._frame is not None:
                    frame, self._frame = self._frame, None
                    return frame
                left_s = deadline - time.monotonic()
                if left_s <= 0:
                    return None
                self._news.wait(min(left_s, 0.1))
        return None

    def _raise_trouble(self) -> None:
        trouble = self._failure or self._watch.trouble(time.monotonic())
        if trouble is not None:
            raise _lost(self._source, trouble)

    def _run(self) -> None:
        """Only this thread touches the capture: releasing one that is being read crashes."""
        capture: VideoCapture | None = None
        try:
            capture = self._capture()
            if not capture.isOpened():
                self._fail("it cannot be opened")
            while not self._stopped and self._failure is None:
                self._grab(capture)
        except Exception as failure:  # noqa: BLE001 - whatever OpenCV raises must reach the reader
            self._fail(str(failure).strip() or type(failure).__name__)
        finally:
            if capture is not None:
                capture.release()

    def _grab(self, capture: VideoCapture) -> None:
        ok, image = capture.read()
        if not ok or image is None or image.size == 0:
            time.sleep(_PAUSE_S)
            return
        if image.ndim == 2:
            image = np.repeat(image[:, :, None], 3, axis=2)
        picture = np.ascontiguousarray(image, dtype=np.uint8)
        with self._news:
            now_s = time.monotonic()
            self._watch.saw(picture, now_s)
            self._frame = Frame(picture, now_s, self._count)
            self._count += 1
            self._news.notify_all()

    def _fail(self, why: str) -> None:
        with self._news:
            self._failure = why
            self._news.notify_all()


def _capture(source: str, open_timeout_s: float, read_timeout_s: float) -> VideoCapture:
    cv2 = quiet_cv2()
    native = cv2.CAP_V4L2 if sys.platform == "linux" else cv2.CAP_ANY
    capture: VideoCapture
    if source.isdigit():
        capture = cv2.VideoCapture(int(source), native)
    elif source.startswith("/dev/"):
        capture = cv2.VideoCapture(source, native)
    else:
        limits = [cv2.CAP_PROP_OPEN_TIMEOUT_MSEC, int(open_timeout_s * 1000)]
        limits += [cv2.CAP_PROP_READ_TIMEOUT_MSEC, int(read_timeout_s * 1000)]
        capture = cv2.VideoCapture(source, cv2.CAP_FFMPEG, limits)
    return capture


def _check_device(source: str) -> None:
    """OpenCV does not say whether a camera is absent, forbidden or in use."""
    path = Path(f"/dev/video{source}") if source.isdigit() else Path(source)
    if sys.platform != "linux" or not str(path).startswith("/dev/"):
        return
    if not path.exists():
        raise CameraError(
            f"there is no camera {source}",
            why=f"{path} does not exist",
            fix="plug it in; `ls /dev/v4l/by-id` shows the cameras there are",
        )
    if not os.access(path, os.R_OK | os.W_OK):
        raise CameraError(
            f"camera {source} cannot be used",
            why=f"this user may not read {path}",
            fix="add the user to the group video: usermod -aG video USER",
        )


def _lost(source: str, why: str) -> CameraError:
    # A camera's password is nobody's business; up to the last @, as it may hold one itself.
    shown = re.sub(r"//.*@", "//***@", source)
    return CameraError(f"camera {shown} gives no pictures", why=why, fix=_FIX)
