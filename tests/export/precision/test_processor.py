"""INT8 and FP16 for processors."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto

from export.compare import compare_all
from export.precision.blocks import names_of
from export.precision.correction import find_means
from export.precision.graph import load
from export.precision.inference import session
from export.precision.plan import SubmodulePlan
from export.precision.processor import for_processor, needs_ranges
from export.precision.ranges import Ranges, find_ranges
from export.precision.rehearsal import Feed
from tests.export.precision.quiet import silent
from tests.export.precision.small_nets import pictures, sequences, small_lite, small_transformer


@pytest.fixture(scope="module")
def lite(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Ranges]:
    file = small_lite(tmp_path_factory.mktemp("lite"))
    return file, find_ranges(file, pictures(), "minmax", silent)


@pytest.fixture(scope="module")
def transformer(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Ranges]:
    file = small_transformer(tmp_path_factory.mktemp("transformer"))
    return file, find_ranges(file, sequences(), "minmax", silent)


def _made(source: tuple[Path, Ranges], plan: SubmodulePlan, *, reduced: bool = True) -> Any:
    means = find_means(
        source[0], pictures() if source[0].name.startswith("lite") else sequences(), silent
    )
    model = for_processor(source[0], "frame_encoder", plan, source[1], means, reduce_range=reduced)
    onnx.checker.check_model(model, full_check=True)
    assert {o.domain: o.version for o in model.opset_import}[""] == 17
    assert model.ir_version <= 8
    return model


def _coarse(model: Any, kinds: tuple[str, ...] = ("Conv", "MatMul", "Gemm")) -> set[str]:
    """Names of the products whose weight is stored in INT8."""
    small = {w.name for w in model.graph.initializer if w.data_type == TensorProto.INT8}
    restored = {
        n.output[0]
        for n in model.graph.node
        if n.op_type == "DequantizeLinear" and n.input[0] in small
    }
    return {n.name for n in model.graph.node if n.op_type in kinds and n.input[1] in restored}


def _cosine(source: Path, model: Any, feeds: list[Feed]) -> float:
    exact, other = session(source), session(model)
    pairs = [(exact.run(None, dict(f))[0], other.run(None, dict(f))[0]) for f in feeds]
    return compare_all("y", pairs).cosine


def test_all_convolutions_are_int8_with_unsigned_activations(lite: tuple[Path, Ranges]) -> None:
    model = _made(lite, SubmodulePlan("int8"))
    assert len(_coarse(model)) == 7
    points = {w.name: w for w in model.graph.initializer}
    quantised = [n for n in model.graph.node if n.op_type == "QuantizeLinear"]
    assert quantised
    assert all(points[n.input[2]].data_type == TensorProto.UINT8 for n in quantised)
    assert not any(n.op_type == "Clip" for n in model.graph.node), "the range of Q is the clip"
    assert _cosine(lite[0], model, pictures(4, seed=5)) > 0.99


@pytest.mark.parametrize("held", [("stem",), ("blocks.0",), ("stem", "blocks.1")])
def test_held_blocks_stay_as_they_are(lite: tuple[Path, Ranges], held: tuple[str, ...]) -> None:
    names = names_of(load(lite[0]))
    model = _made(lite, SubmodulePlan("int8", held))
    blocks = {names[name] for name in _coarse(model)}
    assert blocks == {"stem", "blocks.0", "blocks.1"} - set(held)


def test_everything_held_is_the_exact_graph(lite: tuple[Path, Ranges]) -> None:
    plan = SubmodulePlan("int8", ("stem", "blocks.0", "blocks.1"))
    assert _cosine(lite[0], _made(lite, plan), pictures(2)) > 0.999999


def test_more_bits_are_closer(lite: tuple[Path, Ranges]) -> None:
    exact = session(lite[0])
    errors = []
    for reduced in (False, True):
        other = session(_made(lite, SubmodulePlan("int8"), reduced=reduced))
        pairs = [(exact.run(None, f)[0], other.run(None, f)[0]) for f in map(dict, pictures(6, 3))]
        errors.append(1 - compare_all("y", pairs).mean_cosine)
    assert errors[0] < 0.01
    assert errors[1] < 0.01


def test_a_transformer_quantises_its_products_alone(transformer: tuple[Path, Ranges]) -> None:
    model = _made(transformer, SubmodulePlan("int8"))
    assert len(_coarse(model)) == 8
    restored = {n.output[0] for n in model.graph.node if n.op_type == "DequantizeLinear"}
    for node in model.graph.node:
        if node.op_type in ("Softmax", "LayerNormalization", "Add", "Mul", "ReduceMean"):
            assert not restored & set(node.input), node.name
    assert _cosine(transformer[0], model, sequences(4, seed=5)) > 0.99


def test_an_int8_transformer_leaves_sequences_independent(
    transformer: tuple[Path, Ranges],
) -> None:
    """Ranges measured beforehand; with those of a batch, company would change the answer."""
    runs = session(_made(transformer, SubmodulePlan("int8")))
    together = np.concatenate([feed["x"] for feed in sequences(3, seed=9)])
    together[2] *= 50
    (all_three,) = runs.run(None, {"x": together})
    (alone,) = runs.run(None, {"x": together[:1]})
    assert np.allclose(all_three[0], alone[0], atol=1e-5)


def test_held_precision_is_how_the_rest_is_stored(lite: tuple[Path, Ranges]) -> None:
    wide = SubmodulePlan("fp16", ("blocks.0",), "fp32")
    kinds = {w.name for w in _made(lite, wide).graph.initializer if w.data_type == 10}
    assert kinds == set(), "weights this small are not worth a cast"
    assert needs_ranges("frame_encoder", SubmodulePlan("int8"))
    assert not needs_ranges("text_encoder", SubmodulePlan("int8"))
    assert not needs_ranges("frame_encoder", SubmodulePlan("fp16"))
