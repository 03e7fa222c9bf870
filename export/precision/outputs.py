"""Undoes what INT8 shifts and shrinks in every channel of a submodule's outputs.

Rounding errors of many layers do not cancel: each channel comes out with its own offset and gain.
Both are fitted on the calibration samples and undone by one multiplication and one addition behind
each output. Source: bias correction of Nagel et al., "Data-Free Quantization" (ICCV 2019), here at
the outputs, and with a gain.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]

RIDGE = 0.2
"""Pulls gains towards one, in units of the channel's variance: samples are few."""


def channel_correction(want: Sequence[Array], found: Sequence[Array]) -> tuple[Array, Array]:
    """Gain and offset of every channel that bring what was found closest to what was wanted.

    Args:
        want: outputs of the exact graph, float [..., C] each.
        found: outputs of the INT8 graph on the same inputs.

    Returns:
        gain and offset, float32 [C]: want is about found * gain + offset.
    """
    size = want[0].shape[-1]
    x, y = (np.concatenate([one.reshape(-1, size) for one in side]) for side in (found, want))
    x, y = x.astype(np.float64), y.astype(np.float64)
    centre, aim = x.mean(0), y.mean(0)
    variance = ((x - centre) ** 2).mean(0)
    together = ((x - centre) * (y - aim)).mean(0)
    floor = 1e-9 + 1e-6 * variance.max()
    gain = (together + RIDGE * variance + floor) / ((1 + RIDGE) * variance + floor)
    return gain.astype(np.float32), (aim - centre * gain).astype(np.float32)


def correct_outputs(model: Any, corrections: dict[str, tuple[Array, Array]]) -> None:
    """Put gain and offset behind outputs of an `onnx.ModelProto`, by name, in place."""
    from onnx import helper, numpy_helper

    for name, (gain, offset) in corrections.items():
        raw, scaled = f"{name}_uncorrected", f"{name}_scaled"
        for node in model.graph.node:
            node.input[:] = [raw if one == name else one for one in node.input]
            node.output[:] = [raw if one == name else one for one in node.output]
        constants = {f"{name}_gain": gain, f"{name}_offset": offset}
        model.graph.initializer.extend(
            numpy_helper.from_array(values, key) for key, values in constants.items()
        )
        model.graph.node.extend(
            [
                helper.make_node("Mul", [raw, f"{name}_gain"], [scaled], f"{name}/gain"),
                helper.make_node("Add", [scaled, f"{name}_offset"], [name], f"{name}/offset"),
            ]
        )
