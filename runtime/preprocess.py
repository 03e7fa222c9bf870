"""From a picture to the network's input.

Camera frames lose their long sides, because a product is held up in the middle and every pixel
counts; shop pictures are letterboxed, because nothing of them may be lost. `runtime/native/` holds
the same operations for the GPU (a frame's square is its region of interest); a test holds the two
together.
"""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

PAD_VALUE = 127
"""Mid grey: becomes zero after the normalisation (x - 127) / 128 inside the frame encoder."""


def frame_input(image: npt.NDArray[np.uint8], size: int) -> npt.NDArray[np.uint8]:
    """The central square of a camera frame.

    Args:
        image: uint8 [H, W, 3], BGR, at least 1x1.
        size: side S of the result in pixels.

    Returns:
        uint8 [S, S, 3], RGB.
    """
    height, width = image.shape[:2]
    side = min(height, width)
    top, left = (height - side) // 2, (width - side) // 2
    return letterbox(image[top : top + side, left : left + side], size)


def letterbox(
    image: npt.NDArray[np.uint8], size: int, pad_value: int = PAD_VALUE, *, antialias: bool = False
) -> npt.NDArray[np.uint8]:
    """Fit a picture into a square without changing its proportions.

    Args:
        image: uint8 [H, W, 3], BGR, at least 1x1.
        size: side S of the square in pixels.
        pad_value: grey level of the border.
        antialias: average over the source area when shrinking; slower, for still images.

    Returns:
        uint8 [S, S, 3], RGB.
    """
    height, width = image.shape[:2]
    scale = size / max(height, width)
    fitted = (max(1, int(width * scale + 0.5)), max(1, int(height * scale + 0.5)))
    method = cv2.INTER_AREA if antialias and scale < 1 else cv2.INTER_LINEAR
    resized = cv2.resize(image, fitted, interpolation=method)
    left, top = (size - fitted[0]) // 2, (size - fitted[1]) // 2
    square = np.full((size, size, 3), pad_value, np.uint8)
    # NumPy would turn the channels around one byte at a time.
    colours = cv2.cvtColor(resized, cv2.COLOR_BGR2RGB)
    square[top : top + fitted[1], left : left + fitted[0]] = colours
    return square
