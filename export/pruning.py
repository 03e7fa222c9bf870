"""What nothing reads any more leaves a graph."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any


def needed_nodes(graph: Any, results: Iterable[str]) -> list[Any]:
    """The nodes of an `onnx.GraphProto`, in topological order, that some tensors come from."""
    needed, kept = set(results), []
    for node in reversed(graph.node):
        if needed & set(node.output):
            needed |= set(node.input)
            kept.append(node)
    return kept[::-1]


def drop_unread(graph: Any) -> None:
    """Remove nodes and weights that no output of an `onnx.GraphProto` comes from."""
    outputs = {value.name for value in graph.output}
    nodes = needed_nodes(graph, outputs)
    read = outputs | {name for node in nodes for name in node.input}
    weights = [weight for weight in graph.initializer if weight.name in read]
    del graph.node[:], graph.initializer[:]
    graph.node.extend(nodes)
    graph.initializer.extend(weights)
