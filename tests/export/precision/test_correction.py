"""Biases that take back what rounded weights shift."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch
from onnx import numpy_helper
from torch import nn

from export.onnx_files import write_onnx
from export.precision.correction import correct_biases, find_means
from export.precision.graph import load, weighted
from export.precision.inference import session
from export.precision.rounding import round_to, scales, weight_axis
from export.submodules import Part, Port
from tests.export.precision.quiet import silent


class Rows(nn.Module):
    """Products of rows: a MatMul with its sum, and one without a bias."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.plain = nn.Linear(12, 12), nn.Linear(12, 5, bias=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        out: torch.Tensor = self.plain(self.first(x))
        return out


NETS = {
    "pointwise": (nn.Conv2d(12, 5, 1), ("N", 12, 6, 6), ("N", 5, 6, 6)),
    "depthwise": (nn.Conv2d(12, 12, 3, groups=12), ("N", 12, 6, 6), ("N", 12, 4, 4)),
    "groups": (nn.Conv2d(12, 8, 1, groups=4), ("N", 12, 6, 6), ("N", 8, 6, 6)),
    "gemm": (nn.Linear(12, 5), ("N", 12), ("N", 5)),
    "matmul": (Rows(), ("N", 3, 12), ("N", 3, 5)),
}


def _feeds(shape: tuple[Any, ...], count: int = 20) -> list[dict[str, Any]]:
    """Inputs far from zero, so that weight errors shift the mean."""
    rng = np.random.default_rng(0)
    sizes = [4, *shape[1:]]
    offset = rng.uniform(1, 4, 12).astype(np.float32)
    channels = [1, 12, 1, 1] if len(shape) == 4 else [12]
    return [
        {"x": rng.normal(size=sizes).astype(np.float32) + offset.reshape(channels)}
        for _ in range(count)
    ]


def _rounded(model: Any) -> Any:
    """Weights as INT8 has them, but nothing else rounded."""
    result = onnx.ModelProto()
    result.CopyFrom(model)
    known = {w.name: w for w in result.graph.initializer}
    for node in weighted(result):
        weight = numpy_helper.to_array(known[node.input[1]])
        shape = [-1 if i == weight_axis(node, weight) else 1 for i in range(weight.ndim)]
        scale = scales(node, weight, reduce_range=True).reshape(shape) * 8  # coarse enough to see
        values = (round_to(weight, scale) * scale).astype(np.float32)
        known[node.input[1]].CopyFrom(numpy_helper.from_array(values, node.input[1]))
    return result


@pytest.mark.parametrize("name", NETS)
def test_outputs_keep_their_mean(
    tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    net, inputs, outputs = NETS[name]
    torch.manual_seed(0)
    for parameter in net.parameters():
        nn.init.normal_(parameter)
    part = Part(name, net, (Port("x", "float32", inputs),), (Port("y", "float32", outputs),))
    file = write_onnx(part, tmp_path)
    feeds = _feeds(inputs)
    means = find_means(file, feeds, silent)
    monkeypatch.setattr("export.precision.correction.scales", _coarse_scales)
    plain, corrected = load(file), load(file)
    products = {node.name for node in weighted(corrected)}
    correct_biases(corrected, products, means, reduce_range=True)
    axes = tuple(
        i for i in range(len(outputs)) if i != (1 if len(outputs) == 4 else len(outputs) - 1)
    )

    def mean(model: Any) -> Any:
        runs = session(model)
        return np.mean([runs.run(None, feed)[0].mean(axes) for feed in feeds], 0)

    exact, off, kept = mean(file), mean(_rounded(plain)), mean(_rounded(corrected))
    assert np.abs(off - exact).max() > 0.1
    shifted, left = (np.abs(values - exact).max() for values in (off, kept))
    # The last product of rows has no bias: it shifts as before, but what it is given does not.
    # At the border of a picture a window's mean is not the picture's.
    assert left < shifted * (1.0 if name == "matmul" else 0.05)


def _coarse_scales(node: Any, weight: Any, *, reduce_range: bool) -> Any:
    return scales(node, weight, reduce_range=reduce_range) * 8


def test_means_are_of_channels(tmp_path: Path) -> None:
    net, inputs, outputs = NETS["depthwise"]
    part = Part("net", net, (Port("x", "float32", inputs),), (Port("y", "float32", outputs),))
    feeds = _feeds(inputs)
    (found,) = find_means(write_onnx(part, tmp_path), feeds, silent).values()
    want = np.mean([feed["x"] for feed in feeds], (0, 1, 3, 4))
    assert np.allclose(found, want, atol=1e-5)


def test_only_products_that_are_rounded_change(tmp_path: Path) -> None:
    net, inputs, outputs = NETS["gemm"]
    part = Part("net", net, (Port("x", "float32", inputs),), (Port("y", "float32", outputs),))
    file = write_onnx(part, tmp_path)
    model = load(file)
    correct_biases(model, set(), find_means(file, _feeds(inputs), silent), reduce_range=True)
    assert model == load(file)
