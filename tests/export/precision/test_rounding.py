"""Scales of weights, against what AVX2 computes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from onnx import helper

from export.precision.rounding import round_to, scales

NODES = {
    "MatMul": (helper.make_node("MatMul", ["x", "w"], ["y"]), (64, 24)),
    "Gemm": (helper.make_node("Gemm", ["x", "w"], ["y"], transB=1), (24, 64)),
    "Conv": (helper.make_node("Conv", ["x", "w"], ["y"]), (24, 64, 1, 1)),
}


def _rows(kind: str, weight: np.ndarray) -> np.ndarray:
    """[outputs, inputs], however the operator has them."""
    return weight.T if kind == "MatMul" else weight.reshape(weight.shape[0], -1)


def _avx2(pictures: np.ndarray, rounded: np.ndarray) -> np.ndarray:
    """vpmaddubsw: products of neighbours added in 16 bits that saturate, these in 32."""
    products = pictures.astype(np.int64)[:, None, :] * rounded.astype(np.int64)[None]
    pairs = np.clip(products[..., ::2] + products[..., 1::2], -(1 << 15), (1 << 15) - 1)
    return np.asarray(pairs.sum(-1))


def _weight(shape: tuple[int, ...], seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    found: np.ndarray = (rng.standard_t(4, shape) * rng.uniform(0.1, 2)).astype(np.float32)
    return found


@pytest.mark.parametrize("kind", NODES)
@pytest.mark.parametrize("seed", range(5))
def test_no_sum_saturates_whatever_the_activations(kind: str, seed: int) -> None:
    node, shape = NODES[kind]
    weight = _weight(shape, seed)
    rows = _rows(kind, weight)
    found = scales(node, weight, reduce_range=True)
    rounded = round_to(rows, found[:, None])
    brightest = [np.where(rounded > 0, 255, 0), np.where(rounded < 0, 255, 0)]
    for pictures in brightest:
        assert np.array_equal(_avx2(pictures, rounded), pictures.astype(np.int64) @ rounded.T)
    plain = round_to(rows, scales(node, weight, reduce_range=False)[:, None])
    worst = np.where(plain > 0, 255, 0)
    assert not np.array_equal(_avx2(worst, plain), worst.astype(np.int64) @ plain.T)


@pytest.mark.parametrize("kind", NODES)
def test_most_of_the_eighth_bit_stays(kind: str) -> None:
    node, shape = NODES[kind]
    weight = _weight(shape, 1)
    full = scales(node, weight, reduce_range=False)
    safe = scales(node, weight, reduce_range=True)
    assert (safe >= full).all()
    assert (safe < 2.05 * full).all()
    assert np.median(safe / full) < 1.5, "seven bits would be twice as coarse"
    rows = np.abs(_rows(kind, weight)).max(1)
    assert np.allclose(full, rows / 127)


def _conv(weight: np.ndarray, group: int) -> Any:
    return scales(
        helper.make_node("Conv", ["x", "w"], ["y"], group=group), weight, reduce_range=True
    )


def test_depthwise_needs_no_care_and_other_kernels_lose_a_bit() -> None:
    weight = _weight((16, 1, 3, 3), 0)
    largest = np.abs(weight).reshape(16, -1).max(1)
    assert np.allclose(_conv(weight, 16), largest / 127)
    assert np.allclose(
        _conv(_weight((16, 8, 3, 3), 0), 1) * 63,
        np.abs(_weight((16, 8, 3, 3), 0)).reshape(16, -1).max(1),
    )


def test_a_channel_of_zeros_has_a_scale() -> None:
    found = scales(NODES["Conv"][0], np.zeros((2, 4, 1, 1), np.float32), reduce_range=True)
    assert (found > 0).all()
    assert not round_to(np.zeros((2, 4)), found[:, None]).any()
