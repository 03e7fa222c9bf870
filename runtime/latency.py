"""Latency by stage over the steps of a clip."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from runtime.playback import Moment


def summarise(moments: Sequence[Moment]) -> dict[str, dict[str, float]]:
    """Median and 95th percentile in milliseconds of every stage.

    A stage counts only in the steps in which it ran (the text encoder runs when the words change).
    """
    samples: dict[str, list[float]] = {}
    for moment in moments:
        for stage, spent in {"speech": moment.speech_ms, **moment.step.latency_ms}.items():
            samples.setdefault(stage, []).append(spent)
    return {stage: _figures(values) for stage, values in samples.items()}


def _figures(values: list[float]) -> dict[str, float]:
    p50, p95 = np.percentile(np.asarray(values), [50, 95])
    return {"p50": round(float(p50), 3), "p95": round(float(p95), 3), "samples": len(values)}
