"""What INT8 shifts and shrinks in every channel is fitted and taken back."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from export.precision.inference import session
from export.precision.outputs import RIDGE, channel_correction, correct_outputs

rng = np.random.default_rng(3)
WANT = [rng.standard_normal((5, 7, 3)).astype(np.float32) for _ in range(40)]
GAIN = np.array([0.8, 1.0, 1.3], np.float32)
OFFSET = np.array([0.5, 0.0, -2.0], np.float32)
FOUND = [(want - OFFSET) / GAIN for want in WANT]


def test_offsets_are_found_and_gains_up_to_the_ridge() -> None:
    gain, offset = channel_correction(WANT, FOUND)

    assert gain == pytest.approx((GAIN + RIDGE) / (1 + RIDGE), rel=1e-3)
    corrected = np.concatenate(FOUND) * gain + offset
    assert corrected.mean((0, 1)) == pytest.approx(np.concatenate(WANT).mean((0, 1)), abs=1e-4)
    before, after = (
        np.abs(np.concatenate(WANT) - one).mean() for one in (np.concatenate(FOUND), corrected)
    )
    assert after < before / 5


def test_noise_pulls_a_gain_down_as_least_squares_does() -> None:
    noisy = [want + rng.standard_normal(want.shape).astype(np.float32) for want in WANT]

    gain, _ = channel_correction(WANT, noisy)

    # Half of the variance is noise: least squares has 1/2, the ridge adds its share of one.
    assert gain == pytest.approx(np.full(3, (0.5 + RIDGE) / (1 + RIDGE)), abs=0.05)


def test_a_dead_channel_is_left_alone() -> None:
    dead = [np.concatenate([want, np.zeros_like(want[..., :1])], -1) for want in WANT]

    gain, offset = channel_correction(dead, dead)

    assert gain == pytest.approx(np.ones(4), abs=1e-6)
    assert offset == pytest.approx(np.zeros(4), abs=1e-6)


def test_a_graph_gives_corrected_outputs_under_the_same_names() -> None:
    shape = ["N", 3]
    weight = numpy_helper.from_array(np.eye(3, dtype=np.float32), "weight")
    graph = helper.make_graph(
        [
            helper.make_node("MatMul", ["x", "weight"], ["first"], "product"),
            helper.make_node("Relu", ["first"], ["second"], "relu"),
        ],
        "graph",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)],
        [
            helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)
            for name in ("first", "second")
        ],
        [weight],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    x = np.array([[1.0, -2.0, 3.0]], np.float32)

    correct_outputs(model, {"first": (GAIN, OFFSET)})

    onnx.checker.check_model(model, full_check=True)
    first, second = session(model).run(["first", "second"], {"x": x})
    assert first == pytest.approx(x * GAIN + OFFSET)
    # What stands behind an output in the graph was quantised with the output as it came.
    assert second == pytest.approx(np.maximum(x, 0.0))
