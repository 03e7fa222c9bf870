"""From any picture to the network's square."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from runtime.preprocess import PAD_VALUE, frame_input, letterbox

SIDE = 32


def _plain(height: int, width: int, bgr: tuple[int, int, int] = (10, 20, 200)) -> np.ndarray:
    return np.full((height, width, 3), bgr, np.uint8)


@given(height=st.integers(1, 300), width=st.integers(1, 300), size=st.integers(1, 64))
def test_any_picture_fits_and_touches_two_borders(height: int, width: int, size: int) -> None:
    square = letterbox(_plain(height, width), size)
    assert (square.shape, square.dtype) == ((size, size, 3), np.uint8)
    rows, columns = np.nonzero((square == (200, 20, 10)).all(axis=2))
    assert size in (np.ptp(rows) + 1, np.ptp(columns) + 1)
    assert len(rows) == (np.ptp(rows) + 1) * (np.ptp(columns) + 1)


@given(height=st.integers(1, 300), width=st.integers(1, 300))
def test_proportions_are_kept_and_the_picture_is_centred(height: int, width: int) -> None:
    square = letterbox(_plain(height, width), SIDE)
    rows, columns = np.nonzero((square == (200, 20, 10)).all(axis=2))
    longest = max(height, width)
    assert abs((np.ptp(rows) + 1) - max(1, SIDE * height / longest)) <= 0.5
    assert abs((np.ptp(columns) + 1) - max(1, SIDE * width / longest)) <= 0.5
    assert 0 <= (SIDE - 1 - rows.max()) - rows.min() <= 1
    assert 0 <= (SIDE - 1 - columns.max()) - columns.min() <= 1


def test_colours_come_out_as_rgb() -> None:
    assert letterbox(_plain(4, 4, (1, 2, 3)), 4)[0, 0].tolist() == [3, 2, 1]


def test_the_border_is_mid_grey_unless_asked_otherwise() -> None:
    assert PAD_VALUE == 127
    square = letterbox(_plain(16, 32), SIDE)
    assert np.unique(square[:8]).tolist() == [PAD_VALUE]
    assert np.unique(square[24:]).tolist() == [PAD_VALUE]
    assert np.unique(letterbox(_plain(16, 32), SIDE, pad_value=0)[:8]).tolist() == [0]


def test_a_picture_of_the_right_size_is_not_touched() -> None:
    picture = np.random.default_rng(1).integers(0, 256, (SIDE, SIDE, 3), np.uint8)
    assert np.array_equal(letterbox(picture, SIDE), picture[..., ::-1])


def test_quarters_stay_where_they_are() -> None:
    picture = np.zeros((64, 64, 3), np.uint8)
    picture[:32, 32:] = (0, 0, 255)
    square = letterbox(picture, SIDE)
    assert square[4, 28].tolist() == [255, 0, 0]
    assert square[28, 4].tolist() == square[4, 4].tolist() == [0, 0, 0]


def test_a_single_pixel_fills_the_square() -> None:
    assert np.unique(letterbox(_plain(1, 1, (7, 7, 7)), SIDE)).tolist() == [7]
    assert np.unique(frame_input(_plain(1, 1, (7, 7, 7)), SIDE)).tolist() == [7]


def test_a_very_large_picture_is_shrunk() -> None:
    square = letterbox(_plain(8000, 8000), 320)
    assert square.shape == (320, 320, 3)
    assert np.unique(square.reshape(-1, 3), axis=0).tolist() == [[200, 20, 10]]


def test_averaging_keeps_what_sampling_would_miss() -> None:
    stripes = np.zeros((320, 320, 3), np.uint8)
    stripes[::10] = 250
    plain, averaged = letterbox(stripes, SIDE), letterbox(stripes, SIDE, antialias=True)
    assert abs(float(averaged.mean()) - 25) < 2
    assert abs(float(plain.mean()) - 25) > 10


@pytest.mark.parametrize(("height", "width"), [(40, 100), (100, 40), (41, 100), (40, 40), (1, 9)])
def test_a_frame_loses_its_long_sides_only(height: int, width: int) -> None:
    picture = _plain(height, width, (0, 0, 0))
    side = min(height, width)
    top, left = (height - side) // 2, (width - side) // 2
    picture[top : top + side, left : left + side] = 255
    assert np.unique(frame_input(picture, SIDE)).tolist() == [255]
    assert frame_input(picture, SIDE).shape == (SIDE, SIDE, 3)


def test_the_frame_s_middle_is_not_cut() -> None:
    picture = _plain(40, 100, (0, 0, 0))
    picture[:, 30] = picture[:, 69] = 255
    square = frame_input(picture, 40)
    assert np.flatnonzero(square[20, :, 0] == 255).tolist() == [0, 39]
