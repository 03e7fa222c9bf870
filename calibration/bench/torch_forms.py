"""The forms in which torch runs a submodule."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

Forward = Callable[..., Any]
"""Takes and gives tensors as a submodule does."""

EAGER, COMPILED, CUDA_GRAPH = "torch_eager", "torch_compile", "torch_cuda_graph"


def forms(device: str, *, compiled: bool = True) -> dict[str, Callable[[Forward], Forward]]:
    """What makes each form of a submodule, by the form's name.

    Args:
        device: that the submodule is on; CUDA graphs need ``cuda``.
        compiled: whether ``torch.compile`` is one of them.
    """
    found: dict[str, Callable[[Forward], Forward]] = {EAGER: as_it_is}
    if compiled:
        found[COMPILED] = compiled_whole
    if device == "cuda":
        found[CUDA_GRAPH] = Graphed
    return found


def as_it_is(module: Forward) -> Forward:
    """Eager."""
    return module


def compiled_whole(module: Forward) -> Forward:
    """Through ``torch.compile``, mode default, in one piece for each set of shapes.

    Where torch cannot do that, the call raises a RuntimeError: it would otherwise run parts of the
    submodule eagerly without a word.
    """
    import torch

    compiled: Forward = torch.compile(module, dynamic=False, fullgraph=True)
    return compiled


@dataclass(frozen=True)
class Recording:
    """Work on tensors that stay where they are.

    Attributes:
        inputs: to be filled before.
        outputs: a tensor or a tuple of them, filled by ``replay``.
        replay: does the work again.
    """

    inputs: Sequence[Any]
    outputs: Any
    replay: Callable[[], object]


def record_graph(module: Callable[..., Any], inputs: Sequence[Any]) -> Recording:
    """A CUDA graph. Source: PyTorch, CUDA semantics, "Whole-network capture".

    Args:
        module: on the GPU.
        inputs: of the shapes that it will be given.
    """
    import torch

    kept = [one.clone() for one in inputs]
    side = torch.cuda.Stream()
    side.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(side):
        for _ in range(3):
            module(*kept)
    torch.cuda.current_stream().wait_stream(side)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        outputs = module(*kept)
    return Recording(kept, outputs, graph.replay)


class Graphed:
    """A submodule as CUDA graphs, one for each set of shapes, recorded when they first come.

    Args:
        module: on the GPU.
        record: makes a graph.
    """

    def __init__(
        self,
        module: Callable[..., Any],
        record: Callable[[Callable[..., Any], Sequence[Any]], Recording] = record_graph,
    ) -> None:
        self._module = module
        self._record = record
        self._recordings: dict[tuple[Any, ...], Recording] = {}

    def __call__(self, *inputs: Any) -> Any:
        """Run once; the results are copies, as the next run writes over them."""
        shapes = tuple(one.shape for one in inputs)
        if shapes not in self._recordings:
            self._recordings[shapes] = self._record(self._module, inputs)
        found = self._recordings[shapes]
        for kept, new in zip(found.inputs, inputs, strict=True):
            kept.copy_(new)
        found.replay()
        if isinstance(found.outputs, tuple):
            return tuple(one.clone() for one in found.outputs)
        return found.outputs.clone()
