from __future__ import annotations

import cv2
import numpy as np
import pytest

from runtime.kiosk.picture import LONGEST_SIDE, as_jpeg, as_overlay


def test_a_frame_becomes_the_same_picture() -> None:
    frame = np.full((90, 160, 3), (200, 30, 10), np.uint8)
    back = cv2.imdecode(np.frombuffer(as_jpeg(frame), np.uint8), cv2.IMREAD_COLOR)
    assert back.shape == frame.shape
    assert np.abs(back.astype(int) - frame).max() < 8


@pytest.mark.parametrize(("shape", "shown"), [((2160, 3840), (720, 1280)), ((4000, 1), (1280, 1))])
def test_large_frames_are_shrunk(shape: tuple[int, int], shown: tuple[int, int]) -> None:
    jpeg = as_jpeg(np.zeros((*shape, 3), np.uint8))
    back = cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR)
    assert back.shape[:2] == shown
    assert max(back.shape) == LONGEST_SIDE


def test_attention_is_stretched_over_its_square() -> None:
    overlay = as_overlay(np.array([0.1, 0.5, 0.3, 0.1], np.float32))
    assert overlay is not None
    assert (overlay.side, overlay.weights) == (2, (0.0, 1.0, 0.5, 0.0))


@pytest.mark.parametrize(
    "weights", [[], [1.0, 2.0, 3.0], [0.25] * 4, [0.2, 0.3, 0.26, 0.24], [float("nan")] * 4]
)
def test_attention_that_says_nothing_is_left_out(weights: list[float]) -> None:
    assert as_overlay(np.array(weights, np.float32)) is None
    assert as_overlay(None) is None
