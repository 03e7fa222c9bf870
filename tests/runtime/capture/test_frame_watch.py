from __future__ import annotations

import numpy as np

from runtime.capture.frame_watch import FrameWatch
from tests.runtime.capture.media import shade


def make_watch() -> FrameWatch:
    return FrameWatch(lost_after_s=2.0, frozen_after_s=10.0)


def test_nothing_is_wrong_before_the_first_picture() -> None:
    assert make_watch().trouble(1e9) is None


def test_pictures_that_stop_are_noticed_by_their_age() -> None:
    watch = make_watch()
    watch.saw(shade(1), 100.0)
    assert watch.trouble(102.0) is None
    assert watch.trouble(102.1) == "no picture for 2.1 s"
    watch.saw(shade(2), 103.0)
    assert watch.trouble(103.1) is None


def test_a_picture_that_repeats_for_ever_is_noticed() -> None:
    watch = make_watch()
    for second in range(11):
        watch.saw(shade(1), 100.0 + second)
        assert watch.trouble(100.0 + second) is None
    watch.saw(shade(1), 111.0)
    assert watch.trouble(111.0) == "the same picture for 11 s"
    watch.saw(shade(2), 112.0)
    assert watch.trouble(112.0) is None


def test_the_noise_of_a_sensor_is_enough_to_be_alive() -> None:
    rng = np.random.default_rng(0)
    watch = make_watch()
    still = np.full((120, 160, 3), 100, np.uint8)
    for second in range(60):
        watch.saw(still + rng.integers(0, 2, still.shape, np.uint8), float(second))
        assert watch.trouble(float(second)) is None


def test_pictures_of_one_pixel_count_too() -> None:
    watch = make_watch()
    watch.saw(shade(1, (1, 1)), 0.0)
    watch.saw(shade(2, (1, 1)), 9.0)
    watch.saw(shade(2, (1, 1)), 18.0)
    assert watch.trouble(18.0) is None
