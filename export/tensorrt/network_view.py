"""What a parsed network asks for: the precision of each product, and what must stay exact."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final, Literal

Precision = Literal["fp32", "fp16", "int8"]

PRODUCTS: Final = ("CONVOLUTION", "MATRIX_MULTIPLY")
"""Kinds of layers whose precision matters for speed."""

COMPUTING: Final = (
    *PRODUCTS,
    *("ACTIVATION", "ELEMENTWISE", "NORMALIZATION", "POOLING", "REDUCE", "RESIZE", "SCALE"),
    *("SOFTMAX", "TOPK", "UNARY"),
)
"""Kinds that compute on numbers, or compare them, rather than move them."""

FUSED: Final = ("ACTIVATION", "ELEMENTWISE", "SCALE")
"""Kinds that TensorRT computes within the product in front of them."""

MOVING: Final = ("SHUFFLE", "IDENTITY")


class NetworkView:
    """A network seen as a graph.

    Args:
        trt: the module.
        network: an ``INetworkDefinition``.
    """

    def __init__(self, trt: Any, network: Any) -> None:
        self._half, self._float = trt.DataType.HALF, trt.DataType.FLOAT
        self._kinds = {getattr(trt.LayerType, name): name for name in COMPUTING + MOVING}
        self._dequantize, self._constant = trt.LayerType.DEQUANTIZE, trt.LayerType.CONSTANT
        self._layers = [network.get_layer(i) for i in range(network.num_layers)]
        self._maker = {out.name: layer for layer in self._layers for out in _outputs(layer)}

    @property
    def has_pairs(self) -> bool:
        """Whether there are Q/DQ pairs, which is INT8."""
        return any(layer.type == self._dequantize for layer in self._layers)

    @property
    def has_half(self) -> bool:
        """Whether there are tensors in FP16."""
        return any(out.dtype == self._half for layer in self._layers for out in _outputs(layer))

    def products(self) -> dict[str, Precision]:
        """Precision that the graph asks of every convolution and matrix product, by layer name."""
        return {
            layer.name: self._asked(layer)
            for layer in self._layers
            if self._kind(layer) in PRODUCTS
        }

    def exact_layers(self) -> Iterator[Any]:
        """Layers that the graph computes in FP32.

        An INT8 product takes float numbers too, those behind its Q/DQ pairs; neither it nor what is
        computed within it (its activation, its bias) is one of them.
        """
        inside: set[str] = set()
        for layer in self._layers:
            if self._kind(layer) not in COMPUTING:
                continue
            if self._after_pair(layer) or self._within(layer, inside):
                inside.update(out.name for out in _outputs(layer))
            elif any(out.dtype == self._float for out in _outputs(layer)) and all(
                given.dtype == self._float for given in _inputs(layer)
            ):
                yield layer

    def _asked(self, layer: Any) -> Precision:
        if self._is_pair(_inputs(layer)[0].name):
            return "int8"
        return "fp16" if _inputs(layer)[0].dtype == self._half else "fp32"

    def _after_pair(self, layer: Any) -> bool:
        return any(self._is_pair(given.name) for given in _inputs(layer))

    def _within(self, layer: Any, inside: set[str]) -> bool:
        """Whether one input is computed within a product and all others are stored."""
        if self._kind(layer) not in FUSED:
            return False
        others = [given.name for given in _inputs(layer) if given.name not in inside]
        one = len(others) == len(_inputs(layer)) - 1
        return one and all(self._is_stored(name) for name in others)

    def _is_pair(self, tensor: str) -> bool:
        maker = self._source(tensor)
        return maker is not None and maker.type == self._dequantize

    def _is_stored(self, tensor: str) -> bool:
        maker = self._source(tensor)
        return maker is not None and maker.type == self._constant

    def _source(self, tensor: str) -> Any:
        """The layer that makes a tensor, seen through those that only give it another shape."""
        maker = self._maker.get(tensor)
        while maker is not None and self._kind(maker) in MOVING:
            maker = self._maker.get(_inputs(maker)[0].name)
        return maker

    def _kind(self, layer: Any) -> str:
        return self._kinds.get(layer.type, "")


def _inputs(layer: Any) -> list[Any]:
    found = [layer.get_input(i) for i in range(layer.num_inputs)]
    return [tensor for tensor in found if tensor is not None]


def _outputs(layer: Any) -> list[Any]:
    return [layer.get_output(i) for i in range(layer.num_outputs)]
