"""A network as a parser of TensorRT fills it, and graphs described as one reads them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

KINDS = {
    "Conv": "CONVOLUTION",
    "MatMul": "MATRIX_MULTIPLY",
    "Gemm": "MATRIX_MULTIPLY",
    "QuantizeLinear": "QUANTIZE",
    "DequantizeLinear": "DEQUANTIZE",
    "Cast": "CAST",
    "Constant": "CONSTANT",
    "Softmax": "SOFTMAX",
    "LayerNormalization": "NORMALIZATION",
    "Relu": "ACTIVATION",
    "Clip": "ACTIVATION",
    "Sigmoid": "ACTIVATION",
    "Reshape": "SHUFFLE",
    "Transpose": "SHUFFLE",
    "Unsqueeze": "SHUFFLE",
    "Squeeze": "SHUFFLE",
    "Identity": "IDENTITY",
    "Gather": "GATHER",
    "Concat": "CONCATENATION",
    "Slice": "SLICE",
    "Resize": "RESIZE",
    "TopK": "TOPK",
    **dict.fromkeys(["Add", "Sub", "Mul", "Div", "Pow", "Max", "Min"], "ELEMENTWISE"),
    **dict.fromkeys(["Sqrt", "Erf", "Exp", "Neg", "Abs", "Reciprocal"], "UNARY"),
    **dict.fromkeys(["ReduceMean", "ReduceSum", "ReduceMax", "ReduceL2"], "REDUCE"),
}
TYPES = {1: "FLOAT", 2: "UINT8", 3: "INT8", 6: "INT32", 7: "INT64", 9: "BOOL", 10: "HALF"}
OTHER = "PLUGIN_V2"


@dataclass
class ITensor:
    name: str
    dtype: Any
    shape: tuple[int, ...] = ()


@dataclass
class ILayer:
    name: str
    type: Any
    inputs: list[ITensor]
    outputs: list[ITensor]
    precision: Any = None

    @property
    def num_inputs(self) -> int:
        return len(self.inputs)

    @property
    def num_outputs(self) -> int:
        return len(self.outputs)

    def get_input(self, index: int) -> ITensor:
        return self.inputs[index]

    def get_output(self, index: int) -> ITensor:
        return self.outputs[index]


class INetworkDefinition:
    def __init__(self, module: Any, flags: int) -> None:
        self.module, self.made_with = module, flags
        self.layers: list[ILayer] = []
        self.inputs: list[ITensor] = []
        self.outputs: list[ITensor] = []
        self.onnx = b""

    @property
    def num_layers(self) -> int:
        return len(self.layers)

    @property
    def num_inputs(self) -> int:
        return len(self.inputs)

    @property
    def num_outputs(self) -> int:
        return len(self.outputs)

    def get_layer(self, index: int) -> ILayer:
        return self.layers[index]

    def get_input(self, index: int) -> ITensor:
        return self.inputs[index]

    def get_output(self, index: int) -> ITensor:
        return self.outputs[index]


def describe(onnx: bytes) -> dict[str, Any]:
    """Layers, inputs and outputs of a graph, JSON-ready."""
    from onnx import ModelProto, shape_inference

    graph = shape_inference.infer_shapes(ModelProto.FromString(onnx)).graph
    values = (*graph.value_info, *graph.input, *graph.output)
    types = {v.name: v.type.tensor_type.elem_type for v in values}
    types.update({w.name: w.data_type for w in graph.initializer})
    layers = [["CONSTANT", w.name, [], [w.name]] for w in graph.initializer]
    for node in graph.node:
        given = [name for name in node.input if name]
        layers.append([KINDS.get(node.op_type, OTHER), node.name, given, list(node.output)])
    return {
        "layers": layers,
        "types": {name: TYPES.get(kind, "FLOAT") for name, kind in types.items()},
        "inputs": {v.name: _shape(v) for v in graph.input},
        "outputs": {v.name: _shape(v) for v in graph.output},
    }


def _shape(value: Any) -> list[int]:
    return [d.dim_value or -1 for d in value.type.tensor_type.shape.dim]


def fill(network: INetworkDefinition, told: dict[str, Any], enums: Any) -> None:
    kinds = {n: getattr(enums.DataType, n) for n in {*told["types"].values(), "FLOAT"} - {"INT64"}}
    # The oldest release has no INT64.
    kinds["INT64"] = getattr(enums.DataType, "INT64", enums.DataType.INT32)
    made: dict[str, ITensor] = {}

    def tensor(name: str) -> ITensor:
        kind = kinds[told["types"].get(name, "FLOAT")]
        return made.setdefault(name, ITensor(name, kind))

    for side in ("inputs", "outputs"):
        for name, shape in told[side].items():
            tensor(name).shape = tuple(shape)
            getattr(network, side).append(tensor(name))
    for kind, name, given, out in told["layers"]:
        layer = ILayer(
            name,
            getattr(enums.LayerType, kind),
            [tensor(one) for one in given],
            [tensor(one) for one in out],
        )
        network.layers.append(layer)
