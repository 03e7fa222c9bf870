"""A step against torch on the same GPU: eager, through torch.compile, and as CUDA graphs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from calibration.bench.alternative import Alternative, Call
from calibration.bench.paired import measure
from calibration.bench.ratio import ratio
from calibration.gpu_check.lab import Lab, Tell
from calibration.gpu_check.latency import REPEATS, figures, mode, open_harness, rounds_of
from calibration.gpu_check.outcome import SkippedError
from calibration.gpu_check.shelf import made_up_shelf

if TYPE_CHECKING:
    from calibration.bench.torch_match import TorchMatch

OURS = "tensorrt"


def rivals(lab: Lab, tell: Tell, preset: str, device: str = "cuda") -> None:
    """Time our step and torch's in pairs, on one catalog with the same words.

    Weights of the torch network are drawn: speed does not depend on them. Torch runs FP32 with TF32
    products. A form of torch that fails takes no part, and why is told.

    Raises:
        SkippedError: there is no torch for CUDA, or no engines.
        GpuError: the engines cannot be used.
    """
    _require_torch(device)
    from calibration.bench.torch_match import TorchMatch

    precision = lab.built(preset)[0]
    bundle = lab.bundle(preset, precision)
    shelf = made_up_shelf(bundle.manifest, lab.job.items, lab.job.seed)
    network = _torch_network(bundle.manifest, device)
    with (
        lab.network(preset, precision) as ours,
        open_harness(ours, shelf, lab.job.seed) as harness,
    ):
        tell(precision=precision, mode=mode(ours, shelf), items=lab.job.items)
        rule = bundle.manifest.decision
        subject = (network, shelf, harness.heard, harness.frames, rule)
        make = partial(TorchMatch, *subject, device=device)
        alternatives: list[Alternative] = [Call(OURS, harness.step, REPEATS)]
        skipped = {}
        for name, form in forms(make, device).items():
            try:
                match = form()
                match.step(0)
            except RuntimeError as error:  # torch's own errors derive from it
                skipped[name] = str(error).strip().partition("\n")[0]
            else:
                alternatives.append(Call(name, match.step, REPEATS))
        tell(skipped=skipped)
        series = measure(alternatives, rounds_of(lab))
    tell(
        alternatives=figures(series),
        ratios={n: ratio(s, series[OURS]).as_dict() for n, s in series.items() if n != OURS},
    )


def forms(make: Callable[..., TorchMatch], device: str) -> dict[str, Callable[[], TorchMatch]]:
    """Ways to run torch, by name.

    Args:
        make: gives a `TorchMatch`; takes ``compiled`` and ``wrap``.
        device: CUDA graphs need ``cuda``.
    """
    found: dict[str, Callable[[], TorchMatch]] = {
        "torch_eager": make,
        "torch_compile": partial(make, compiled=True),
    }
    if device == "cuda":
        found["torch_cuda_graph"] = partial(make, wrap=Graphed)
    return found


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


def _require_torch(device: str) -> None:
    try:
        import torch
    except ImportError as error:
        raise _no_torch(f"torch is not installed ({error})") from error
    if device == "cuda" and not torch.cuda.is_available():
        raise _no_torch(f"torch {torch.__version__} finds no GPU")


def _no_torch(why: str) -> SkippedError:
    return SkippedError(
        "there is no torch to compare with",
        why=why,
        fix="pip install 'sgmn-edge[train]' with a torch for CUDA",
    )


def _torch_network(manifest: Any, device: str) -> Any:
    import torch

    from calibration.bench.material import config_of
    from models.sgmn import Sgmn

    torch.manual_seed(0)
    torch.set_float32_matmul_precision("high")
    return Sgmn(config_of(manifest)).eval().to(device)
