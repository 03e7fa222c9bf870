"""Shop pictures staged in scenes."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest

from models.data.cutout import stage


def _scene(height: int = 120, width: int = 200) -> npt.NDArray[np.uint8]:
    return np.full((height, width, 3), (40, 200, 40), np.uint8)


def _product() -> npt.NDArray[np.uint8]:
    picture = np.full((100, 100, 3), 255, np.uint8)
    picture[20:80, 20:80] = (30, 30, 220)
    return picture


def _staged(seed: int, **sizes: int) -> npt.NDArray[np.uint8]:
    return stage(_product(), _scene(), np.random.default_rng(seed), **sizes)


@pytest.mark.parametrize("size", [64, 320])
def test_the_result_is_a_square_picture(size: int) -> None:
    picture = _staged(0, size=size)
    assert picture.shape == (size, size, 3)
    assert picture.dtype == np.uint8


def test_the_same_seed_stages_the_same() -> None:
    assert np.array_equal(_staged(5), _staged(5))
    assert not np.array_equal(_staged(5), _staged(6))


@pytest.mark.parametrize("seed", range(6))
def test_the_product_stands_in_the_scene_without_its_paper(seed: int) -> None:
    picture = _staged(seed, size=128).astype(int)
    blue, green, red = picture[..., 0], picture[..., 1], picture[..., 2]
    assert ((red > green + 60) & (red > blue + 60)).mean() > 0.05
    assert ((green > red + 60) & (green > blue + 60)).mean() > 0.05
    assert ((blue > 150) & (green > 150) & (red > 150)).mean() < 0.02


def test_inputs_are_left_alone() -> None:
    product, scene = _product(), _scene()
    stage(product, scene, np.random.default_rng(0))
    assert np.array_equal(product, _product())
    assert np.array_equal(scene, _scene())


def test_small_pictures_are_enough() -> None:
    tiny = np.full((3, 2, 3), 9, np.uint8)
    assert stage(tiny, tiny, np.random.default_rng(1), 32).shape == (32, 32, 3)
