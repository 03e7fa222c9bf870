"""A step against torch on the same GPU: eager, through torch.compile, and as CUDA graphs."""

from __future__ import annotations

from collections.abc import Callable
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


class Graphed:
    """A submodule as a CUDA graph, recorded at the first call.

    Source: PyTorch, CUDA semantics, "Whole-network capture".

    Args:
        module: on the GPU; called with tensors of the same shapes every time.
    """

    def __init__(self, module: Callable[..., Any]) -> None:
        self._module = module
        self._graph: Any = None
        self._inputs: list[Any] = []
        self._outputs: Any = None

    def __call__(self, *inputs: Any) -> Any:
        """Run once; the results are copies, as the next run writes over them."""
        if self._graph is None:
            self._record(inputs)
        for kept, new in zip(self._inputs, inputs, strict=True):
            kept.copy_(new)
        self._graph.replay()
        if isinstance(self._outputs, tuple):
            return tuple(one.clone() for one in self._outputs)
        return self._outputs.clone()

    def _record(self, inputs: tuple[Any, ...]) -> None:
        import torch

        self._inputs = [one.clone() for one in inputs]
        side = torch.cuda.Stream()
        side.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(side):
            for _ in range(3):
                self._module(*self._inputs)
        torch.cuda.current_stream().wait_stream(side)
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph):
            self._outputs = self._module(*self._inputs)
        self._graph = graph


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
