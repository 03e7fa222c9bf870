"""Counts what the engines really run."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

import numpy as np
import pytest

from runtime.engines.onnxruntime_engine import OnnxRuntimeEngine


def count_runs(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """Rows that went through each submodule from now on, by its name."""
    rows: Counter[str] = Counter()
    really_run = OnnxRuntimeEngine.run

    def run(engine: OnnxRuntimeEngine, feeds: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        rows[engine.name] += len(feeds[engine.inputs[0].name])
        return really_run(engine, feeds)

    monkeypatch.setattr(OnnxRuntimeEngine, "run", run)
    return rows
