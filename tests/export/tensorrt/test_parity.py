"""Engines must compute what their graphs say, in every precision."""

from __future__ import annotations

import numpy as np
import pytest

from export.compare import MASKED
from export.tensorrt.network_view import Precision
from export.tensorrt.parity import measure_parity, require_parity
from runtime.errors import BuildError

RNG = np.random.default_rng(5)
WANT = RNG.standard_normal((20, 64)).astype(np.float32)


def _noisy(share: float) -> np.ndarray:
    noise = RNG.standard_normal(WANT.shape).astype(np.float32)
    return WANT + share * noise


def _passes(precision: Precision, got: np.ndarray, want: np.ndarray = WANT) -> bool:
    try:
        require_parity("x", precision, measure_parity("stored", {"y": want}, {"y": got}))
    except BuildError:
        return False
    return True


@pytest.mark.parametrize(
    ("precision", "near", "far"), [("fp32", 5e-4, 2e-3), ("fp16", 0.02, 0.05), ("int8", 0.1, 0.2)]
)
def test_each_precision_has_its_own_limit(precision: Precision, near: float, far: float) -> None:
    assert _passes(precision, WANT)
    assert _passes(precision, _noisy(near))
    assert not _passes(precision, _noisy(far))


@pytest.mark.parametrize("scale", [1.2, 0.8, -1.0, 0.0])
def test_a_wrong_scale_is_seen(scale: float) -> None:
    assert not _passes("int8", WANT * np.float32(scale))


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_numbers_that_are_not_finite_are_told(bad: float) -> None:
    got = WANT.copy()
    got[3, 5] = bad
    with pytest.raises(BuildError, match="not finite"):
        require_parity("x", "int8", measure_parity("stored", {"y": WANT}, {"y": got}))
    (one,) = measure_parity("stored", {"y": WANT}, {"y": got})
    assert one.as_dict()["error"] is None


def test_another_shape_is_refused() -> None:
    assert not _passes("int8", WANT[:10])


def test_masked_scores_must_agree_and_do_not_hide_the_others() -> None:
    want = np.full((1, 32), 2 * MASKED, np.float32)
    want[0, :4] = [0.9, 0.5, 0.4, 0.1]
    assert _passes("int8", want.copy(), want)
    swapped = want.copy()
    swapped[0, :4] = [0.1, 0.4, 0.5, 0.9]
    assert not _passes("int8", swapped, want)
    unmasked = want.copy()
    unmasked[0, 31] = 0.0
    assert not _passes("int8", unmasked, want)
