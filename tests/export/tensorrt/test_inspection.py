"""The inspector's JSON, as releases 8.6 and 10 write it."""

from __future__ import annotations

from typing import Any

import pytest

from export.tensorrt.inspection import compare_precision, require_precision
from export.tensorrt.network_view import Precision
from runtime.errors import BuildError

ASKED: dict[str, Precision] = {
    "/stem/Conv": "fp16",
    "/block/Conv": "int8",
    "/block/Conv_1": "int8",
    "/head/MatMul": "fp32",
}


def _layer(name: str, kind: str, *types: str, **more: Any) -> dict[str, Any]:
    inputs = [{"Name": "x", "Dimensions": [1], "Format/Datatype": one} for one in types]
    return {"Name": name, "LayerType": kind, "Inputs": inputs, "Outputs": [], **more}


LAYERS = [
    _layer("Reformatting CopyNode for Input", "Reformat", "Int8"),
    _layer(
        "/stem/Conv + PWN(/stem/Clip)",
        "CaskConvolution",
        "Channel major FP16 format where channel % 8 == 0",
    ),
    # Short and long names of a type; fused with its weights, pair and activation.
    _layer("w + /block/Conv/Q + /block/Conv + /block/Clip", "CaskConvolution", "Int8"),
    _layer(
        "__myl_Conv_myl0_3",
        "gemm",
        "Thirty-two wide channel vectorized row major Int8 format",
        "Half",
        Metadata="[ONNX Layer: /block/Conv_1]\x1e[ONNX Layer: /block/Add]",
    ),
    _layer("/head/MatMul", "MatrixMultiply", "Row major linear FP32"),
    _layer("/softmax", "kgen", "Float"),
    _layer("/ids", "Gather", "Int32"),
]


def test_layers_are_counted_by_what_they_take() -> None:
    found = compare_precision(LAYERS, ASKED)
    assert found.layers == {"fp16": 1, "int8": 2, "fp32": 2}
    assert found.fallen == ()
    require_precision("frame_encoder", found, ASKED)


def test_a_product_in_another_precision_is_named() -> None:
    layers = [
        *LAYERS[:2],
        _layer("w + /block/Conv + /block/Clip", "CaskConvolution", "Row major linear FP16 format"),
        *LAYERS[3:],
    ]
    found = compare_precision(layers, ASKED)
    assert found.fallen == (("/block/Conv", "int8", "fp16"),)
    with pytest.raises(BuildError, match="/block/Conv is fp16, not int8"):
        require_precision("frame_encoder", found, ASKED)


def test_what_was_to_stay_exact_must_not_be_rounded() -> None:
    layers = [*LAYERS[:4], _layer("/head/MatMul", "MatrixMultiply", "Half")]
    found = compare_precision(layers, ASKED)
    assert found.fallen == (("/head/MatMul", "fp32", "fp16"),)


def test_one_of_several_kernels_of_a_node_computes_what_was_asked() -> None:
    """As of release 10: one kernel quantizes, one multiplies, one adds up."""
    metadata = "[ONNX Layer: /block/Conv]"
    layers = [
        _layer("__myl_Cast_myl0_1", "gemm", "Half", Metadata=metadata),
        _layer("__myl_Fc_myl0_2", "gemm", "Int8", "Int8", Metadata=metadata),
        _layer("__myl_Add_myl0_3", "gemm", "Float", Metadata=metadata),
    ]
    assert compare_precision(layers, ASKED).fallen == ()
    assert compare_precision(layers[::2], ASKED).fallen == (("/block/Conv", "int8", "fp16"),)


def test_casts_may_be_fused_with_a_product() -> None:
    """FP16 in, FP32 out; in a kernel of Myelin there may be one on both sides."""
    outputs = [{"Name": "y", "Format/Datatype": "Float"}]
    behind = _layer("/head/MatMul", "gemm", "Half") | {"Outputs": outputs}
    both = _layer("__myl_CastMulSumCast", "kgen", "Half", Metadata="[ONNX Layer: /head/MatMul]")
    for layer in (behind, both):
        assert compare_precision([layer], ASKED).fallen == ()
    int8 = _layer("__myl_MulSum", "kgen", "Half", Metadata="[ONNX Layer: /block/Conv]")
    assert compare_precision([int8], ASKED).fallen == (("/block/Conv", "int8", "fp16"),)


def test_what_is_rounded_behind_a_product_does_not_make_it_int8() -> None:
    outputs = [{"Name": "y", "Format/Datatype": "Int8"}]
    layer = _layer("/block/Conv", "CaskConvolution", "Float") | {"Outputs": outputs}
    assert compare_precision([layer], ASKED).fallen == (("/block/Conv", "int8", "fp32"),)


def test_a_name_is_not_found_within_another_one() -> None:
    """/block/Conv is a part of the name /block/Conv_1."""
    found = compare_precision([_layer("/block/Conv_1", "CaskConvolution", "Int8")], ASKED)
    assert found.layers == {"int8": 1, "unseen": 3}


def test_many_fallen_products_are_told_in_short() -> None:
    asked: dict[str, Precision] = {f"/conv{n}": "int8" for n in range(9)}
    layers = [_layer(name, "CaskConvolution", "Float") for name in asked]
    with pytest.raises(BuildError, match="/conv4 is fp32, not int8; and 4 more"):
        require_precision("x", compare_precision(layers, asked), asked)


def test_an_engine_without_any_of_what_was_asked_is_refused_even_if_names_are_others() -> None:
    """As of TensorRT 11 with FP32 where INT8 was asked (roboflow/rf-detr#1454)."""
    layers = [_layer("__myl_Gemm_myl0_1", "gemm", "Float")]
    with pytest.raises(BuildError, match="asks int8 of 2 products, the engine has none"):
        require_precision("x", compare_precision(layers, ASKED), ASKED)


def test_opaque_layers_cannot_be_judged() -> None:
    layers = [
        _layer("{ForeignNode[/a...(Unnamed Layer* 9)]}", "Myelin", "Row major linear FP32"),
        {},
    ]
    found = compare_precision(layers, ASKED)
    assert found.layers == {"opaque": 2, "unseen": 4}
    require_precision("x", found, ASKED)


def test_a_picture_is_not_int8() -> None:
    """UInt8 ends like Int8."""
    found = compare_precision([_layer("/cast", "Cast", "UInt8")], {})
    assert found.layers == {}
