"""OpenCV, loaded late and kept quiet."""

from __future__ import annotations

import os
from types import ModuleType


def quiet_cv2() -> ModuleType:
    """Import ``cv2`` so that neither it nor its FFmpeg prints: stdout may be carrying JSON.

    ``OPENCV_FFMPEG_LOGLEVEL`` set by the user wins.
    """
    os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")
    import cv2

    cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)
    return cv2
