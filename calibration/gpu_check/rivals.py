"""A step against torch on the same GPU: eager, through torch.compile, and as CUDA graphs."""

from __future__ import annotations

from typing import Any

from calibration.bench.alternative import Alternative, Call
from calibration.bench.harness import StepHarness
from calibration.bench.paired import measure
from calibration.bench.ratio import ratio
from calibration.bench.torch_forms import forms
from calibration.gpu_check.lab import Lab, Tell
from calibration.gpu_check.latency import REPEATS, figures, mode, open_harness, rounds_of
from calibration.gpu_check.outcome import SkippedError
from calibration.gpu_check.shelf import made_up_shelf

OURS = "tensorrt"


def rivals(lab: Lab, tell: Tell, preset: str, device: str = "cuda") -> None:
    """Time our step and torch's in pairs, on one catalog with the same words.

    Weights of the torch network are drawn: speed does not depend on them. Torch runs FP32 with TF32
    products. A form of torch that fails takes no part, and why is told.

    Raises:
        SkippedError: there is no torch for CUDA, or no engines.
        GpuError: the engines cannot be used.
    """
    require_torch(device)
    precision = lab.built(preset)[0]
    bundle = lab.bundle(preset, precision)
    shelf = made_up_shelf(bundle.manifest, lab.job.items, lab.job.seed)
    with (
        lab.network(preset, precision) as ours,
        open_harness(ours, shelf, lab.job.seed) as harness,
    ):
        tell(precision=precision, mode=mode(ours, shelf), items=lab.job.items)
        steps, skipped = torch_steps(harness, device)
        tell(skipped=skipped)
        series = measure([Call(OURS, harness.step, REPEATS), *steps], rounds_of(lab))
    tell(
        alternatives=figures(series),
        ratios={n: ratio(s, series[OURS]).as_dict() for n, s in series.items() if n != OURS},
    )


def torch_steps(harness: StepHarness, device: str) -> tuple[list[Alternative], dict[str, str]]:
    """Torch's steps on the catalog, frames and words of a harness, and why others take no part."""
    from calibration.bench.kiosk import reason
    from calibration.bench.torch_match import TorchMatch

    manifest = harness.network.bundle.manifest
    network = _torch_network(manifest, device)
    subject = (network, harness.catalog, harness.heard, harness.frames, manifest.decision)
    steps: list[Alternative] = []
    skipped = {}
    for name, form in forms(device).items():
        try:
            match = TorchMatch(*subject, device=device, form=form)
            match.step(0)
        except RuntimeError as error:  # torch's own errors derive from it
            skipped[name] = reason(error)
        else:
            steps.append(Call(name, match.step, REPEATS))
    return steps, skipped


def require_torch(device: str) -> None:
    """See that torch can use the device.

    Raises:
        SkippedError: there is no torch, or it finds no GPU.
    """
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

    from calibration.bench.material import config_of, in_fast_layout
    from models.sgmn import Sgmn

    torch.manual_seed(0)
    torch.set_float32_matmul_precision("high")
    return in_fast_layout(Sgmn(config_of(manifest)).eval()).to(device)
