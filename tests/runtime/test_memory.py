"""The ring of encoded frames and the window made of it."""

from __future__ import annotations

import numpy as np
import pytest

from runtime.memory import EncodedFrame, FrameMemory, window

CLS, TOKENS = 3, (2, 4)


def _frame(number: int) -> EncodedFrame:
    return EncodedFrame(
        np.full(CLS, number, np.float32), np.full(TOKENS, -number, np.float32), float(number)
    )


def _filled(count: int, frames: int = 4, capacity: int = 10) -> FrameMemory:
    memory = FrameMemory(frames, capacity)
    for number in range(count):
        memory.add(_frame(number))
    return memory


def _times(frames: list[EncodedFrame]) -> list[float]:
    return [frame.time_s for frame in frames]


def test_the_oldest_frame_is_dropped_first() -> None:
    memory = _filled(13)
    assert len(memory) == 10
    assert _times(memory.whole()) == [3, 6, 9, 12]


def test_the_latest_frames_come_oldest_first() -> None:
    assert _times(_filled(6).latest()) == [2, 3, 4, 5]
    assert _times(_filled(2).latest()) == [0, 1]


def test_a_ring_never_holds_less_than_one_window() -> None:
    assert len(_filled(9, frames=6, capacity=1)) == 6


def test_nothing_is_left_after_clearing() -> None:
    memory = _filled(5)
    memory.clear()
    assert (len(memory), memory.latest(), memory.whole()) == (0, [], [])


@pytest.mark.parametrize("count", [0, 1, 3, 4, 7])
def test_a_window_is_frames_then_zeros(count: int) -> None:
    # Memory that is given back and taken again must not shine through.
    np.full((1, 4, 3), 9.0, np.float32), np.full((1, 4, 2, 4), 9.0, np.float32)
    view = window([_frame(n + 1) for n in range(count)], 4, CLS, TOKENS)
    kept = min(count, 4)
    assert (view.cls.shape, view.tokens.shape, view.mask.shape) == ((1, 4, 3), (1, 4, 2, 4), (1, 4))
    assert {view.cls.dtype, view.tokens.dtype, view.mask.dtype} == {np.dtype(np.float32)}
    assert view.mask[0].tolist() == [1.0] * kept + [0.0] * (4 - kept)
    assert view.cls[0, :, 0].tolist() == [*range(1, kept + 1), *[0] * (4 - kept)]
    assert view.tokens[0, :, 1, 3].tolist() == [*range(-1, -kept - 1, -1), *[0] * (4 - kept)]
