"""Ways to find the ranges of INT8 activations, compared on one plan."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from calibration.measurement.judging import r1
from calibration.measurement.measurer import Measurer
from calibration.records.sensitivity import CalibrationComparison
from export.precision.plan import Calibration, Method, PrecisionPlan
from runtime.catalog.progress import Progress

METHODS: tuple[Method, ...] = ("minmax", "entropy", "percentile")
COUNTS = (16, 64, 512)


def compare_calibrations(
    measurer: Measurer,
    whole: PrecisionPlan,
    progress: Progress,
    *,
    methods: Sequence[Method] = METHODS,
    counts: Sequence[int] = COUNTS,
    judged: bool = True,
) -> tuple[CalibrationComparison, ...]:
    """What each method and number of samples gives for a plan.

    Args:
        measurer: measures and remembers.
        whole: the plan.
        progress: shows progress.
        methods: of finding ranges.
        counts: of calibration pictures.
        judged: measure R@1 as well.
    """
    seed = whole.calibration.seed
    ways = [Calibration(method, count, seed) for method in methods for count in counts]
    return tuple(
        _comparison(measurer, replace(whole, name=_named(way), calibration=way), judged=judged)
        for way in progress(ways, label="Comparing calibrations", total=len(ways))
    )


def _comparison(measurer: Measurer, plan: PrecisionPlan, *, judged: bool) -> CalibrationComparison:
    way = plan.calibration
    return CalibrationComparison(
        method=way.method,
        pictures=way.pictures,
        seed=way.seed,
        query_cosine=measurer.likeness(plan).query,
        r1=r1(measurer.without_photos(plan)) if judged else None,
        r1_change=measurer.r1_change(plan) if judged else None,
    )


def _named(way: Calibration) -> str:
    return f"{way.method}-{way.pictures}"
