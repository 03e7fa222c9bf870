"""How torch runs on a GPU, as far as a processor can tell."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch

from calibration.bench.torch_forms import Graphed, Recording, compiled_whole, forms


def test_cuda_graphs_take_part_on_a_gpu_alone() -> None:
    assert list(forms("cuda")) == ["torch_eager", "torch_compile", "torch_cuda_graph"]
    assert list(forms("cpu")) == ["torch_eager", "torch_compile"]
    assert list(forms("cpu", compiled=False)) == ["torch_eager"]


def test_what_torch_cannot_compile_whole_is_not_run_eagerly() -> None:
    """A question about a value breaks the graph; torch would run the parts and say nothing."""

    def broken(x: Any) -> Any:
        return x + 1 if x.sum() > 0 else x - 1

    with pytest.raises(RuntimeError):
        compiled_whole(broken)(torch.ones(2))


def test_a_graph_serves_the_shapes_it_was_recorded_with() -> None:
    recorded = []

    def double(x: Any) -> tuple[Any, Any]:
        return 2 * x, x + 1

    def record(module: Callable[..., Any], inputs: Any) -> Recording:
        kept = [one.clone() for one in inputs]
        outputs = module(*kept)
        recorded.append(tuple(kept[0].shape))

        def replay() -> None:
            for out, new in zip(outputs, module(*kept), strict=True):
                out.copy_(new)

        return Recording(kept, outputs, replay)

    graphed = Graphed(double, record)
    first, _ = graphed(torch.tensor([[1.0], [2.0]]))
    second, _ = graphed(torch.tensor([[3.0]]))
    third, other = graphed(torch.tensor([[5.0]]))
    assert recorded == [(2, 1), (1, 1)]
    assert first.tolist() == [[2.0], [4.0]]
    assert second.tolist() == [[6.0]], "the next run must not change a result"
    assert (third.tolist(), other.tolist()) == ([[10.0]], [[6.0]])
