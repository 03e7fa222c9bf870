"""The five submodules as ONNX sees them: names, example inputs, axes that may vary."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from models.config import NetworkConfig
from models.sgmn import Sgmn
from runtime.bundle.manifest import Tensor as TensorEntry

Shape = tuple[int | str, ...]


@dataclass(frozen=True)
class Port:
    """One input or output of the contract; letters in the shape are axes that may vary."""

    name: str
    dtype: str
    shape: Shape

    def entry(self) -> TensorEntry:
        """The port as the manifest states it."""
        return TensorEntry(name=self.name, dtype=self.dtype, shape=self.shape)  # type: ignore[arg-type]

    def example(self, sizes: dict[str, int], generator: torch.Generator) -> Tensor:
        """A random tensor of this shape; masks are ones, ids are small."""
        shape = [sizes[axis] if isinstance(axis, str) else axis for axis in self.shape]
        if self.dtype == "uint8":
            return torch.randint(0, 256, shape, dtype=torch.uint8, generator=generator)
        if self.dtype == "int64":
            if self.name == "mask":
                return torch.ones(shape, dtype=torch.int64)
            return torch.randint(1, 200, shape, dtype=torch.int64, generator=generator)
        if self.name.endswith("mask"):
            return torch.ones(shape)
        return torch.randn(shape, generator=generator)


@dataclass(frozen=True)
class Part:
    """A submodule with its contract."""

    name: str
    module: nn.Module
    inputs: tuple[Port, ...]
    outputs: tuple[Port, ...]

    def dynamic_axes(self) -> dict[str, dict[int, str]]:
        """Axes that may vary, by tensor."""
        found = {}
        for port in (*self.inputs, *self.outputs):
            axes = {i: axis for i, axis in enumerate(port.shape) if isinstance(axis, str)}
            if axes:
                found[port.name] = axes
        return found


def parts(network: Sgmn) -> tuple[Part, ...]:
    """The five submodules of a network, in the contract's order."""
    c = network.config
    return (
        Part("frame_encoder", network.frame_encoder, _images(c), _frame_features(c)),
        Part("text_encoder", network.text_encoder, _token_ids(), _text_features(c)),
        Part("query_head", network.query_head, _query_inputs(c), _query_outputs(c)),
        Part("item_head", network.item_head, _item_inputs(c), _item_outputs(c)),
        Part("reranker", network.reranker, _rerank_inputs(c), _rerank_outputs(c)),
    )


def _images(c: NetworkConfig) -> tuple[Port, ...]:
    return (Port("images", "uint8", ("N", c.image_size, c.image_size, 3)),)


def _frame_features(c: NetworkConfig) -> tuple[Port, ...]:
    return (
        Port("cls", "float32", ("N", c.cls_size)),
        Port("tokens", "float32", ("N", c.tokens, c.token_size)),
    )


def _token_ids() -> tuple[Port, ...]:
    return (Port("ids", "int64", ("N", "L")), Port("mask", "int64", ("N", "L")))


def _text_features(c: NetworkConfig) -> tuple[Port, ...]:
    return (
        Port("pooled", "float32", ("N", c.text_size)),
        Port("tokens", "float32", ("N", "L", c.text_size)),
    )


def _query_inputs(c: NetworkConfig) -> tuple[Port, ...]:
    return (
        Port("cls", "float32", (1, c.frames, c.cls_size)),
        Port("tokens", "float32", (1, c.frames, c.tokens, c.token_size)),
        Port("frame_mask", "float32", (1, c.frames)),
        Port("text_pooled", "float32", (1, c.text_size)),
        Port("text_tokens", "float32", (1, c.text_tokens, c.text_size)),
        Port("text_mask", "float32", (1, c.text_tokens)),
    )


def _query_outputs(c: NetworkConfig) -> tuple[Port, ...]:
    return (
        Port("query", "float32", (1, c.vector_size)),
        Port("nodes", "float32", (1, c.frames, c.node_size)),
        Port("patches", "float32", (1, c.frames, c.patch_nodes, c.node_size)),
        Port("attention", "float32", (1, c.frames, c.patches)),
    )


def _item_inputs(c: NetworkConfig) -> tuple[Port, ...]:
    return (
        Port("cls", "float32", ("N", c.cls_size)),
        Port("tokens", "float32", ("N", c.tokens, c.token_size)),
        Port("title_pooled", "float32", ("N", c.text_size)),
        Port("title_tokens", "float32", ("N", c.text_tokens, c.text_size)),
        Port("title_mask", "float32", ("N", c.text_tokens)),
    )


def _item_outputs(c: NetworkConfig) -> tuple[Port, ...]:
    return (
        Port("item", "float32", ("N", c.vector_size)),
        Port("nodes", "float32", ("N", c.item_nodes, c.node_size)),
    )


def _rerank_inputs(c: NetworkConfig) -> tuple[Port, ...]:
    return (
        Port("query", "float32", (1, c.vector_size)),
        Port("query_nodes", "float32", (1, c.frames, c.node_size)),
        Port("query_patches", "float32", (1, c.frames, c.patch_nodes, c.node_size)),
        Port("frame_mask", "float32", (1, c.frames)),
        Port("items", "float32", (1, c.shortlist, c.vector_size)),
        Port("item_nodes", "float32", (1, c.shortlist, c.item_nodes, c.node_size)),
        Port("scores", "float32", (1, c.shortlist)),
        Port("candidate_mask", "float32", (1, c.shortlist)),
    )


def _rerank_outputs(c: NetworkConfig) -> tuple[Port, ...]:
    return (Port("reranked", "float32", (1, c.shortlist)),)
