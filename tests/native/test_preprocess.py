"""The native preprocessing against runtime.preprocess, that is OpenCV, on random images."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from runtime.preprocess import letterbox
from tests.native.binding import (
    CUDA_LIBRARY,
    FLOAT_NCHW,
    HALF_NCHW,
    UINT8_NHWC,
    Box,
    Frame,
    Output,
    bgr_frame,
    load,
    nv12_frame,
    preprocess,
)

NATIVE = Path(__file__).parents[2] / "runtime" / "native"

# (height, width, side): single pixels, lines, odd sizes, identity, exact halves, up and down.
SHAPES = [
    (1, 1, 1), (1, 1, 224), (2, 2, 1), (1, 37, 32), (37, 1, 32), (1, 500, 16), (3, 1000, 32),
    (97, 33, 224), (33, 97, 224), (224, 224, 224), (448, 448, 224), (64, 32, 32), (479, 641, 320),
    (721, 1279, 255), (1080, 1920, 224), (5, 7, 513),
]  # fmt: skip


def random_shapes(count: int, seed: int) -> list[tuple[int, int, int]]:
    rng = np.random.default_rng(seed)
    return [(int(h), int(w), int(s)) for h, w, s in rng.integers(1, 160, (count, 3))]


def noise(rng: np.random.Generator, *shape: int) -> np.ndarray:
    return rng.integers(0, 256, shape, np.uint8)


def nv12_to_bgr(luma: np.ndarray, chroma: np.ndarray) -> np.ndarray:
    return cv2.cvtColor(np.vstack([luma, chroma]), cv2.COLOR_YUV2BGR_NV12)


def crop(image: np.ndarray, roi: Box) -> np.ndarray:
    x, y, width, height = roi
    return np.ascontiguousarray(image[y : y + height, x : x + width])


def random_roi(rng: np.random.Generator, height: int, width: int) -> Box:
    w, h = int(rng.integers(1, width + 1)), int(rng.integers(1, height + 1))
    return int(rng.integers(0, width - w + 1)), int(rng.integers(0, height - h + 1)), w, h


def corner_rois(height: int, width: int) -> list[Box]:
    right, bottom = width - 1, height - 1
    pixels = [(x, y, 1, 1) for x in (0, right) for y in (0, bottom)]
    return [*pixels, (right, 0, 1, height), (0, bottom, width, 1), (1, 1, right, bottom)]


def assert_matches(frame: Frame, side: int, image: np.ndarray, roi: Box | None = None) -> None:
    """All three outputs within one grey level of OpenCV's uint8 result."""
    levels = letterbox(image, side).astype(np.float32)
    rounded = preprocess(frame, side, UINT8_NHWC, roi)
    planes = preprocess(frame, side, FLOAT_NCHW, roi)
    half = preprocess(frame, side, HALF_NCHW, roi)
    assert np.abs(rounded - levels).max() <= 1
    assert np.abs(planes.transpose(1, 2, 0) * 128 + 127 - levels).max() <= 1
    np.testing.assert_array_equal(half, planes.astype(np.float16))


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_bgr_matches_opencv(shape: tuple[int, int, int]) -> None:
    height, width, side = shape
    image = noise(np.random.default_rng(height * width), height, width, 3)
    assert_matches(bgr_frame(image), side, image)


def test_bgr_of_random_shapes_matches_opencv() -> None:
    rng = np.random.default_rng(1)
    for height, width, side in random_shapes(100, seed=2):
        image = noise(rng, height, width, 3)
        assert_matches(bgr_frame(image), side, image)


def test_bgr_regions_and_strides_match_opencv() -> None:
    rng = np.random.default_rng(3)
    for height, width, side in random_shapes(60, seed=4):
        rows = noise(rng, height, 3 * width + int(rng.integers(0, 40)))
        strides = (rows.strides[0], 3, 1)
        image = np.lib.stride_tricks.as_strided(rows, (height, width, 3), strides)
        roi = random_roi(rng, height, width)
        assert_matches(bgr_frame(image), side, crop(image, roi), roi)


def test_nv12_regions_and_strides_match_opencv() -> None:
    rng = np.random.default_rng(5)
    for half_height, half_width, side in random_shapes(60, seed=6):
        height, width = 2 * half_height, 2 * half_width
        luma = noise(rng, height, width + 7)[:, :width]
        chroma = noise(rng, half_height, width + 19)[:, :width]
        image = nv12_to_bgr(luma, chroma)
        frame = nv12_frame(luma, chroma)
        assert_matches(frame, side, image)
        roi = random_roi(rng, height, width)
        assert_matches(frame, side, crop(image, roi), roi)


def test_regions_at_the_borders_match_opencv() -> None:
    rng = np.random.default_rng(7)
    image = noise(rng, 23, 31, 3)
    for roi in corner_rois(23, 31):
        assert_matches(bgr_frame(image), 19, crop(image, roi), roi)
    luma, chroma = noise(rng, 22, 30), noise(rng, 11, 30)
    image = nv12_to_bgr(luma, chroma)
    for roi in corner_rois(22, 30):
        assert_matches(nv12_frame(luma, chroma), 19, crop(image, roi), roi)


def test_nv12_conversion_equals_opencv() -> None:
    """At scale 1 there is no interpolation, and the colours are OpenCV's to the bit."""
    rng = np.random.default_rng(8)
    luma, chroma = noise(rng, 512, 512), noise(rng, 256, 512)
    out = preprocess(nv12_frame(luma, chroma), 512, UINT8_NHWC)
    np.testing.assert_array_equal(out[..., ::-1], nv12_to_bgr(luma, chroma))


def test_pixels_outside_the_region_do_not_matter() -> None:
    rng = np.random.default_rng(9)
    first, second = noise(rng, 20, 40, 3), noise(rng, 20, 40, 3)
    second[5:14, 11:30] = first[5:14, 11:30]
    results = [preprocess(bgr_frame(i), 33, FLOAT_NCHW, (11, 5, 19, 9)) for i in (first, second)]
    np.testing.assert_array_equal(*results)


def test_normalisation_is_per_channel_in_rgb_order() -> None:
    image = noise(np.random.default_rng(10), 30, 20, 3)
    levels = preprocess(bgr_frame(image), 24, FLOAT_NCHW, None, (0, 0, 0), (1, 1, 1))
    mean, inv_std = (123.675, 116.28, 103.53), (0.0171, 0.0175, 0.0174)
    planes = preprocess(bgr_frame(image), 24, FLOAT_NCHW, None, mean, inv_std)
    shift, scale = (np.float32(v)[:, None, None] for v in (mean, inv_std))
    np.testing.assert_array_equal(planes, (levels - shift) * scale)


@pytest.mark.parametrize("scale", [1e-9, 1e-7, 3e-6, 0.01, 100.0, 700.0, 1e30])
def test_half_rounds_as_numpy_over_its_whole_range(scale: float) -> None:
    image = noise(np.random.default_rng(11), 61, 67, 3)
    options = (None, (90.3, 127.1, 180.9), (scale, -scale, scale))
    planes = preprocess(bgr_frame(image), 128, FLOAT_NCHW, *options)
    half = preprocess(bgr_frame(image), 128, HALF_NCHW, *options)
    with np.errstate(over="ignore", under="ignore"):
        wanted = planes.astype(np.float16)
    np.testing.assert_array_equal(half.view(np.uint16), wanted.view(np.uint16))


def test_cuda_library_checks_arguments_without_a_gpu() -> None:
    library = load(CUDA_LIBRARY)
    image = np.zeros((2, 2, 3), np.uint8)
    output = Output(UINT8_NHWC, 4, capacity=47, data=image.ctypes.data)
    for argument, reason in ((None, b"null"), (output, b"too small")):
        status = library.sgmn_preprocess_cuda(bgr_frame(image), None, argument, None)
        assert reason in library.sgmn_status_text(status)


@pytest.mark.parametrize("source", ["preprocess_cpu.cpp", "preprocess_cuda.cu"])
def test_host_and_device_share_the_one_kernel(source: str) -> None:
    text = (NATIVE / source).read_text(encoding="utf-8")
    assert '#include "preprocess_kernel.h"' in text
    assert "sgmn::letterbox_pixel(job, x, y)" in text
    assert "float" not in text
