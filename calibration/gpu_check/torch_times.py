"""Torch's half of `rivals`, where TensorRT is in another Python than torch."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from calibration.bench.paired import Rounds, measure
from calibration.gpu_check.lab import processor_of
from calibration.gpu_check.latency import figures, open_harness
from calibration.gpu_check.rivals import require_torch, torch_steps
from calibration.gpu_check.shelf import made_up_shelf
from runtime.bundle.reader import open_bundle


def torch_times(
    material: Path, preset: str, items: int, rounds: int, seed: int, device: str = "cuda"
) -> dict[str, Any]:
    """Time torch's steps on the work of the section `latency`; words are read by ONNX Runtime.

    Args:
        material: folder that `sgmn gpu-check prepare` made.
        preset: which network.
        items: products of the catalog.
        rounds: of the measurement.
        seed: of all that is drawn.
        device: of torch.

    Returns:
        Times by form of torch, and what they hold for; JSON-ready.

    Raises:
        SkippedError: there is no torch for the device.
        BundleError: the network is missing or damaged.
    """
    require_torch(device)
    bundle = open_bundle(material / preset / "fp32")
    shelf = made_up_shelf(bundle.manifest, items, seed)
    with processor_of(bundle) as exact, open_harness(exact, shelf, seed) as harness:
        steps, skipped = torch_steps(harness, device)
        series = measure(steps, Rounds(rounds, seed=seed)) if steps else {}
        words = harness.heard.words
    return {
        "items": items,
        "words": words,
        "alternatives": figures(series),
        "skipped": skipped,
    }
