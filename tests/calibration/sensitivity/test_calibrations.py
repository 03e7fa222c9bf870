"""Ways to calibrate, compared."""

from __future__ import annotations

from pathlib import Path

from calibration.sensitivity.calibrations import compare_calibrations
from tests.calibration.measurement.made_up_plans import INT8, measurer_of
from tests.export.conftest import Exported
from tests.models.made_up_bank import quiet

NOISE = {"trunk.0": 0.02, "trunk.2": 1.5, "head": 0.2}
"""The middle one is the block that loses accuracy."""

SAVES = {"trunk.0": 1.0, "trunk.2": 0.5, "head": -0.5}
"""Milliseconds; the last one is slower in INT8."""


def test_calibrations_are_compared(exported: Exported, tmp_path: Path) -> None:
    measurer, builder, _ = measurer_of(exported, tmp_path, NOISE)
    found = compare_calibrations(
        measurer, INT8, quiet, methods=("minmax", "entropy"), counts=(16, 64), judged=False
    )
    assert [(one.method, one.pictures) for one in found] == [
        ("minmax", 16),
        ("minmax", 64),
        ("entropy", 16),
        ("entropy", 64),
    ]
    assert all(one.r1 is None for one in found)
    assert builder.built == ["minmax-16", "minmax-64", "entropy-16", "entropy-64"]
    judged = compare_calibrations(measurer, INT8, quiet, methods=("minmax",), counts=(64,))
    assert judged[0].r1 is not None
