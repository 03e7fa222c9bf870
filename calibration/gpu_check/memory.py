"""Whether memory grows over thousands of steps, on the device and on the host."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np

from calibration.gpu_check.lab import Lab, Tell
from calibration.gpu_check.latency import mode, open_harness
from calibration.gpu_check.shelf import made_up_shelf
from runtime.engines.device import Device

STATM = Path("/proc/self/statm")
SAMPLES = 100
WARMUP = 0.2
"""Share of the steps at the beginning that do not count: caches fill."""

SHARE = 0.7
LIMITS = {"device": 256.0, "host": 512.0}
"""Bytes a step. Over 10,000 steps these are less than one block that CUDA gives out (2 MiB), and
five megabytes; a frame that is not freed would be a thousand times as much."""

Samples = Sequence[tuple[int, float]]
"""Steps done, and bytes in use."""


def memory(lab: Lab, tell: Tell, preset: str) -> None:
    """Make the steps and fit a line; whether it is flat is a goal, not a fault of the section.

    Raises:
        SkippedError: no engines are there.
        GpuError: the GPU failed.
    """
    precision = lab.built(preset)[0]
    bundle = lab.bundle(preset, precision)
    shelf = made_up_shelf(bundle.manifest, lab.job.items, lab.job.seed)
    with (
        lab.network(preset, precision) as network,
        open_harness(network, shelf, lab.job.seed) as harness,
        Device(lab.machine.cuda()) as meter,
    ):
        tell(precision=precision, mode=mode(network, shelf), steps=0)
        meters = {
            "device": lambda: _used(*meter.call(meter.cuda.memory)),
            "host": resident_bytes,
        }
        end = time.monotonic() + SHARE * lab.limit_s
        samples = watch(harness.step, meters, lab.job.steps, lambda: time.monotonic() >= end)
        for name, taken in samples.items():
            tell(**{name: _figures(taken, LIMITS[name])}, steps=taken[-1][0], asked=lab.job.steps)


def watch(
    step: Callable[[int], object],
    meters: Mapping[str, Callable[[], float]],
    steps: int,
    up: Callable[[], bool] = lambda: False,
) -> dict[str, list[tuple[int, float]]]:
    """Make steps and read meters at even distances.

    Args:
        step: does one, by its number.
        meters: bytes in use, by name.
        steps: at least `SAMPLES`.
        up: whether the time is; asked at every sample.
    """
    taken: dict[str, list[tuple[int, float]]] = {name: [] for name in meters}
    every = max(1, steps // SAMPLES)
    for number in range(steps):
        step(number)
        if (number + 1) % every == 0:
            for name, read in meters.items():
                taken[name].append((number + 1, float(read())))
            if up():
                break
    return taken


def slope(samples: Samples) -> float:
    """Bytes a step, after the warm-up: the line of least squares."""
    last = samples[-1][0]
    kept = np.array([one for one in samples if one[0] > WARMUP * last], np.float64)
    if len(kept) < 2:
        return float("nan")
    return float(np.polyfit(kept[:, 0], kept[:, 1], 1)[0])


def resident_bytes(statm: Path = STATM) -> float:
    """Memory of this process that is in use."""
    return float(int(statm.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE"))


def _used(free: int, total: int) -> float:
    return float(total - free)


def _figures(samples: Samples, limit: float) -> dict[str, float]:
    return {
        "bytes_a_step": round(slope(samples), 3),
        "limit_bytes_a_step": limit,
        "first_bytes": samples[0][1],
        "last_bytes": samples[-1][1],
    }
