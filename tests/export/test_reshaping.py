"""Reshapes that keep the batch."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from onnx import numpy_helper
from torch import Tensor, nn

from export.reshaping import state_targets

pytestmark = pytest.mark.filterwarnings("ignore")  # the tracing exporter is an old one


class _Flat(nn.Module):
    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        return x.flatten(2) + y[:, :1, :1]


class _Heads(nn.Module):
    """The batch comes from another tensor, the last size from all others."""

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        batch, length, _, _ = y.shape
        return x.reshape(batch, length, 2, -1).transpose(1, 2)


class _Merged(nn.Module):
    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        batch, length = x.shape[:2]
        merged = x.reshape(batch * length, 3, 4) * 2.0
        return merged.reshape(batch, length, 12) + y[:, :, 0]


class _Joined(nn.Module):
    """All is known but what -1 stands for, and yet the sizes behind it are computed."""

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        return x.flatten(0, 1) * 2.0 + y[:1, :1, 0, :4]


class _Moved(nn.Module):
    """Two sizes that vary, neither where it was."""

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        batch, length = x.shape[:2]
        return x.reshape(length, batch, 12) + y[:1, :1, 0]


class _Trimmed(nn.Module):
    """What varies is computed, and once is kept by no name."""

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        short = x[:, 1:]
        return short.reshape(x.shape[0], short.shape[1], 12) + y[:, 1:, 0]


def _exported(network: nn.Module, tmp_path: Any) -> Any:
    file = tmp_path / "net.onnx"
    axes = {"x": {0: "N", 1: "L"}, "y": {0: "N", 1: "L"}}
    examples = (torch.randn(2, 5, 3, 4), torch.randn(2, 5, 1, 12))
    torch.onnx.export(
        network.eval(),
        examples,
        str(file),
        input_names=["x", "y"],
        output_names=["z"],
        dynamic_axes=axes,
        opset_version=17,
        dynamo=False,
    )
    return onnx.shape_inference.infer_shapes(onnx.load(str(file)))


def _targets(model: Any) -> list[list[int] | None]:
    """Of every reshape; None where it is computed."""
    known = {w.name: numpy_helper.to_array(w).tolist() for w in model.graph.initializer}
    for node in model.graph.node:
        if node.op_type == "Constant":
            known[node.output[0]] = numpy_helper.to_array(node.attribute[0].t).tolist()
    return [known.get(n.input[1]) for n in model.graph.node if n.op_type == "Reshape"]


@pytest.mark.parametrize(
    ("network", "targets"),
    [
        (_Flat(), [[0, 0, -1]]),
        (_Heads(), [[0, 0, 2, -1]]),
        (_Merged(), [[-1, 3, 4], None]),
        (_Joined(), [[-1, 3, 4]]),
        (_Moved(), [None]),
        (_Trimmed(), [[0, 0, 12]]),
    ],
    ids=["flattened", "heads", "merged", "joined", "moved", "trimmed"],
)
def test_targets_are_numbers_and_the_answers_stay(
    network: nn.Module, targets: list[list[int] | None], tmp_path: Any
) -> None:
    before = _exported(network, tmp_path)
    after = state_targets(before)
    onnx.checker.check_model(after, full_check=True)
    assert _targets(after) == targets
    shapes = [node for node in after.graph.node if node.op_type == "Shape"]
    assert bool(shapes) == (None in targets)
    run = onnxruntime.InferenceSession(after.SerializeToString())
    for n, length in ((1, 1), (2, 5), (3, 2), (4, 4)):
        x, y = torch.randn(n, length, 3, 4), torch.randn(n, length, 1, 12)
        (found,) = run.run(None, {"x": x.numpy(), "y": y.numpy()})
        np.testing.assert_allclose(found, network(x, y).numpy(), rtol=1e-6)


def test_sizes_behind_a_reshape_are_known(tmp_path: Any) -> None:
    """What follows from the others is a number too, once the batch is known to stay."""
    after = state_targets(_exported(_Heads(), tmp_path))
    shapes = {
        v.name: [d.dim_value or d.dim_param for d in v.type.tensor_type.shape.dim]
        for v in after.graph.value_info
    }
    (reshape,) = (n for n in after.graph.node if n.op_type == "Reshape")
    assert shapes[reshape.output[0]] == ["N", "L", 2, 6]
