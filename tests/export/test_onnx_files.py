"""The five submodules as ONNX files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch
from onnx import numpy_helper

from export.compare import Parity
from export.onnx_files import write_onnx
from export.parity import measure, require
from export.submodules import Part, parts
from export.torch_inputs import submodule_inputs
from models.config import LITE, TINY
from models.heads.norms import MASKED
from models.sgmn import Sgmn
from runtime.bundle.manifest import SUBMODULES
from runtime.errors import ExportError
from runtime.text import TextTokenizer
from tests.export.conftest import Exported
from tests.models.tiny_network import stirred

FRAME_ENCODER = "frame_encoder.fp32.onnx"
ELEMENT = {1: "float32", 2: "uint8", 7: "int64"}


def _part(network: Sgmn, name: str) -> Part:
    return next(part for part in parts(network) if part.name == name)


def _file(exported: Exported, name: str) -> Path:
    return exported.bundle / "onnx" / f"{name}.fp32.onnx"


def _ports(values: Any) -> list[tuple[str, str, tuple[int | str, ...]]]:
    return [
        (
            value.name,
            ELEMENT[value.type.tensor_type.elem_type],
            tuple(d.dim_param or d.dim_value for d in value.type.tensor_type.shape.dim),
        )
        for value in values
    ]


def test_the_parts_are_the_contract(exported: Exported) -> None:
    assert tuple(part.name for part in parts(exported.network)) == SUBMODULES


@pytest.mark.parametrize("name", SUBMODULES)
def test_names_types_and_axes_are_the_contract(exported: Exported, name: str) -> None:
    model, part = onnx.load(str(_file(exported, name))), _part(exported.network, name)
    onnx.checker.check_model(model, full_check=True)
    assert [(o.domain, o.version) for o in model.opset_import if not o.domain] == [("", 17)]
    assert _ports(model.graph.input) == [(p.name, p.dtype, p.shape) for p in part.inputs]
    assert _ports(model.graph.output) == [(p.name, p.dtype, p.shape) for p in part.outputs]
    entry = exported.manifest.submodules[name]
    assert [(t.name, t.dtype, t.shape) for t in entry.inputs] == _ports(model.graph.input)
    assert [(t.name, t.dtype, t.shape) for t in entry.outputs] == _ports(model.graph.output)


def test_only_pictures_words_and_items_vary_in_number(exported: Exported) -> None:
    varying = {
        part.name: {axis for axes in part.dynamic_axes().values() for axis in axes.values()}
        for part in parts(exported.network)
    }
    assert varying == {
        "frame_encoder": {"N"},
        "text_encoder": {"N", "L"},
        "query_head": set(),
        "item_head": {"N"},
        "reranker": set(),
    }


@pytest.mark.parametrize("name", SUBMODULES)
@pytest.mark.parametrize(("n", "length"), [(1, 1), (1, 16), (3, 2), (9, 5)])
def test_every_size_computes_what_torch_computes(
    exported: Exported, name: str, n: int, length: int
) -> None:
    part, generator = _part(exported.network, name), torch.Generator().manual_seed(n)
    sizes = {"N": n, "L": length}
    inputs = [port.example(sizes, generator) for port in part.inputs]
    for port, tensor in zip(part.inputs, inputs, strict=True):
        if port.name.endswith("mask") and tensor.shape[-1] > 1:
            tensor[..., -1] = 0
    for result in require(part, _file(exported, name), inputs):
        assert result.largest < 1e-4, result
        assert result.cosine > 0.9999, result


@pytest.mark.parametrize("name", ["query_head", "item_head", "reranker"])
def test_nothing_but_padding_is_finite_and_equal(exported: Exported, name: str) -> None:
    part = _part(exported.network, name)
    inputs = [port.example({"N": 2}, torch.Generator().manual_seed(0)) * 0 for port in part.inputs]
    for result in measure(part, _file(exported, name), inputs):
        assert result.largest < 1e-4, result


def spoilt(source: Path, target: Path) -> Path:
    """A copy in which the largest weight is bent by up to a fifth."""
    model = onnx.load(str(source))
    floats = [w for w in model.graph.initializer if numpy_helper.to_array(w).dtype == np.float32]
    weight = max(floats, key=lambda w: numpy_helper.to_array(w).size)
    values = numpy_helper.to_array(weight)
    bent = values * np.linspace(0.8, 1.2, values.size, dtype=np.float32).reshape(values.shape)
    weight.CopyFrom(numpy_helper.from_array(bent, weight.name))
    onnx.save(model, str(target))
    return target


@pytest.mark.parametrize("name", SUBMODULES)
def test_a_wrong_weight_is_found(exported: Exported, tmp_path: Path, name: str) -> None:
    words = TextTokenizer.load(exported.tokenizer, TINY.text_tokens)
    inputs = submodule_inputs(exported.network, words, exported.samples)[name]
    part = _part(exported.network, name)
    require(part, _file(exported, name), inputs)
    wrong = spoilt(_file(exported, name), tmp_path / f"{name}.fp32.onnx")
    with pytest.raises(ExportError, match="does not compute what torch computes") as caught:
        require(part, wrong, inputs)
    assert caught.value.fix


class _Answer(torch.nn.Module):
    """Says what it is told to."""

    def __init__(self, answer: torch.Tensor) -> None:
        super().__init__()
        self.answer = answer

    def forward(self, *_: torch.Tensor) -> torch.Tensor:
        return self.answer


def _compared(exported: Exported, change: Any) -> Parity:
    """The re-ranker's file against a torch module that gives changed answers."""
    part = _part(exported.network, "reranker")
    generator = torch.Generator().manual_seed(1)
    inputs = [port.example({}, generator) for port in part.inputs]
    inputs[-1][0, 3:] = 0.0
    with torch.inference_mode():
        answer = change(part.module(*inputs).clone())
    told = Part(part.name, _Answer(answer), part.inputs, part.outputs)
    (found,) = measure(told, _file(exported, "reranker"), inputs)
    return found


def test_padded_candidates_do_not_hide_a_difference(exported: Exported) -> None:
    """Their score of -10000 would make any difference between real scores look small."""

    def nudged(scores: torch.Tensor) -> torch.Tensor:
        assert scores[0, 3] == MASKED
        scores[0, 0] += 0.1 * scores[0, :3].abs().max()
        return scores

    assert _compared(exported, lambda scores: scores).largest < 1e-4
    assert 0.05 < _compared(exported, nudged).largest < 0.2


def test_nan_and_another_shape_are_differences(exported: Exported) -> None:
    assert not _compared(exported, lambda scores: scores * float("nan")).largest <= 1.0
    assert _compared(exported, lambda scores: scores[:, :-1]).largest == float("inf")


@pytest.mark.slow
def test_the_lite_frame_encoder_and_heads(tmp_path: Path) -> None:
    torch.manual_seed(0)
    network = Sgmn(LITE).eval()
    for head in (network.query_head, network.item_head, network.reranker):
        stirred(head)
    for part in parts(network):
        if part.name == "text_encoder":
            continue
        file = write_onnx(part, tmp_path)
        for n in (1, 3):
            generator = torch.Generator().manual_seed(n)
            inputs = [port.example({"N": n}, generator) for port in part.inputs]
            assert all(r.largest < 1e-3 for r in require(part, file, inputs))
    operations = [n.op_type for n in onnx.load(str(tmp_path / FRAME_ENCODER)).graph.node]
    assert operations.count("Conv") == 49, "both views go through the trunk at once"
    assert "Pad" not in operations


@pytest.mark.slow
def test_the_lite_text_encoder(tmp_path: Path) -> None:
    torch.manual_seed(0)
    part = _part(Sgmn(LITE).eval(), "text_encoder")
    file = write_onnx(part, tmp_path)
    for n, length in ((1, 1), (2, 64), (5, 9)):
        generator = torch.Generator().manual_seed(n)
        inputs = [port.example({"N": n, "L": length}, generator) for port in part.inputs]
        inputs[1][:, length // 2 + 1 :] = 0
        assert all(r.largest < 1e-3 for r in require(part, file, inputs))
