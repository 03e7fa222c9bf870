"""Zeros in front of a convolution become part of it, and nothing else does."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from onnx import TensorProto, helper, numpy_helper

from export.onnx_files import write_onnx
from export.padding import fold_padding
from export.parity import require
from export.submodules import Part, Port

ONE_SIDE = (0, 0, 0, 1, 0, 0, 2, 3)
"""Before and after each axis: a column on the left, two rows below, three columns on the right."""

INPUT = helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 2, 6, 6])
SIZES = helper.make_tensor_value_info("sizes", TensorProto.INT64, [8])
PADDED = helper.make_tensor_value_info("padded", TensorProto.FLOAT, None)
OUTPUT = helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, 4, "H", "W"])


def _model(
    pads: tuple[int, ...] = ONE_SIDE,
    *,
    mode: str = "constant",
    value: float | None = None,
    own: dict[str, tuple[int, ...]] | None = None,
    seen: bool = False,
    from_input: bool = False,
) -> Any:
    """A padding, its sizes computed as torch's exporter has it, and a convolution.

    ``own`` is padding of the convolution; ``seen`` gives out what lies between the two.
    """
    weight = np.random.default_rng(0).standard_normal((4, 2 + pads[1] + pads[5], 3, 3))
    constants = {"weight": weight.astype(np.float32), "reversed": np.array(pads[::-1], np.int64)}
    constants |= {k: np.array([n], np.int64) for k, n in zip("abcd", (-1, -9, 0, -1), strict=True)}
    constants |= {} if value is None else {"value": np.array(value, np.float32)}
    padding = ["x", "sizes", *({"value"} & set(constants))]
    nodes = [
        helper.make_node("Slice", ["reversed", *"abcd"], ["sizes"]),
        helper.make_node("Pad", padding, ["padded"], mode=mode),
        helper.make_node("Conv", ["padded", "weight"], ["y"], **(own or {})),
    ]
    graph = helper.make_graph(
        nodes[1:] if from_input else nodes,
        "padding",
        [INPUT, SIZES] if from_input else [INPUT],
        [OUTPUT, PADDED] if seen else [OUTPUT],
        [numpy_helper.from_array(values, name) for name, values in constants.items()],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


def _run(model: Any) -> np.ndarray:
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), providers=["CPUExecutionProvider"]
    )
    x = np.random.default_rng(1).standard_normal((1, 2, 6, 6)).astype(np.float32)
    feeds = {"x": x, "sizes": np.array(ONE_SIDE, np.int64)}
    return session.run(["y"], {i.name: feeds[i.name] for i in session.get_inputs()})[0]


def _operations(model: Any) -> list[str]:
    return [node.op_type for node in model.graph.node]


@pytest.mark.parametrize("own", [{}, {"pads": (1, 0, 0, 1)}], ids=["alone", "beside its own"])
@pytest.mark.parametrize("value", [None, 0.0])
def test_zeros_go_into_the_convolution(
    own: dict[str, tuple[int, ...]], value: float | None
) -> None:
    model = _model(own=own, value=value)
    expected = _run(model)
    fold_padding(model)
    assert _operations(model) == ["Conv"]
    onnx.checker.check_model(model, full_check=True)
    assert np.allclose(_run(model), expected, atol=1e-6)


@pytest.mark.parametrize(
    "kept",
    [
        {"mode": "reflect"},
        {"mode": "edge"},
        {"value": 0.5},
        {"pads": (0, 0, -1, 1, 0, 0, 2, 3)},
        {"pads": (0, 1, 0, 0, 0, 0, 1, 1)},
        {"pads": (0, 0, 0, 0, 0, 1, 1, 1)},
        {"pads": (1, 0, 0, 1, 0, 0, 1, 1)},
        {"seen": True},
        {"from_input": True},
    ],
    ids=lambda case: str(case),
)
def test_any_other_padding_stays(kept: dict[str, Any]) -> None:
    model = _model(**kept)
    before, expected = _operations(model), _run(model)
    fold_padding(model)
    assert _operations(model) == before
    assert np.array_equal(_run(model), expected)


def test_what_torch_exports_for_padding_on_one_side(tmp_path: Path) -> None:
    module = torch.nn.Sequential(torch.nn.ZeroPad2d((0, 1, 0, 1)), torch.nn.Conv2d(2, 3, 3, 2))
    ports = Port("x", "float32", ("N", 2, 6, 6)), Port("y", "float32", ("N", 3, 3, 3))
    part = Part("padded", module.eval(), ports[:1], ports[1:])
    file = write_onnx(part, tmp_path)
    assert _operations(onnx.load(str(file))) == ["Conv"]
    for number in (1, 3):
        example = ports[0].example({"N": number}, torch.Generator().manual_seed(0))
        require(part, file, [example])
