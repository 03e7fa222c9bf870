"""From raw times of steps to figures with intervals."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt

from calibration.measurement.steps import StepTimes
from calibration.records.measurement import Latency
from models.evaluation.metrics import LEVEL, RESAMPLES, SEED, Estimate

FloatArray = npt.NDArray[np.float64]
BLOCK = 8
"""Steps that are drawn together: what disturbs one step disturbs its neighbours."""

LEAST_BLOCKS = 10
"""Of fewer blocks every draw would be much the same, and look sure."""


def latency(times: StepTimes) -> Latency:
    """Percentiles of a plan's steps and, where another's took turns with them, the ratio."""
    steps = np.array(times.plan_ms)
    p50, p95, p99 = (_percentile(steps, q) for q in (50, 95, 99))
    return Latency(
        p50=p50,
        p95=p95,
        p99=p99,
        samples_ms=times.plan_ms,
        stages_ms=times.stages_ms,
        ratio=ratio(times) if times.reference_ms else None,
        threads=times.conditions.threads,
        catalog=times.conditions.items,
        provider=times.provider,
    )


def ratio(times: StepTimes) -> Estimate:
    """The plan's median over that of the other's, steps paired; below 1 is faster."""
    return _estimate(
        [times.plan_ms, times.reference_ms],
        lambda mine, other: np.median(mine, axis=-1) / np.median(other, axis=-1),
    )


def saved_ms(times: StepTimes) -> Estimate:
    """Milliseconds that the median step of the plan is shorter than the other's."""
    return _estimate(
        [times.plan_ms, times.reference_ms],
        lambda mine, other: np.median(other, axis=-1) - np.median(mine, axis=-1),
    )


def _percentile(steps: FloatArray, q: float) -> Estimate:
    return _estimate([steps], lambda drawn: np.percentile(drawn, q, axis=-1))


def _estimate(
    series: Sequence[Sequence[float] | FloatArray], figure: Callable[..., FloatArray]
) -> Estimate:
    """A figure of series of equal length, with a 95 % block bootstrap interval of fixed seed."""
    arrays = [np.asarray(one, np.float64) for one in series]
    count = len(arrays[0])
    value = float(figure(*arrays))
    width = max(1, min(BLOCK, count // LEAST_BLOCKS))
    blocks = -(-count // width)
    starts = np.random.default_rng(SEED).integers(0, count - width + 1, (RESAMPLES, blocks))
    places = (starts[..., None] + np.arange(width)).reshape(RESAMPLES, -1)[:, :count]
    drawn = figure(*(one[places] for one in arrays))
    low, high = np.quantile(drawn, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return Estimate(value, float(low), float(high))
