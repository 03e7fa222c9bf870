"""All plots of a report by file name."""

from __future__ import annotations

from calibration.records.report import Report
from calibration.report.page import in_detail
from calibration.report.plots.blocks import lost_likeness, saved_time
from calibration.report.plots.calibrations import calibrations
from calibration.report.plots.pareto import pareto
from models.evaluation.page.reliability import reliability_diagram

NAMES = (
    "pareto-p50.svg",
    "pareto-p95.svg",
    "block-likeness.svg",
    "block-time.svg",
    "calibration.svg",
    "reliability-before.svg",
    "reliability-after.svg",
)


def figures(report: Report) -> dict[str, str]:
    """SVG files; those without figures to show are left out."""
    found = {}
    if report.reference.latency is not None:
        found["pareto-p50.svg"] = pareto(report, "p50")
        found["pareto-p95.svg"] = pareto(report, "p95")
    if report.sensitivities:
        found["block-likeness.svg"] = lost_likeness(report)
    if any(one.saved_ms for one in report.sensitivities):
        found["block-time.svg"] = saved_time(report)
    if report.comparisons:
        found["calibration.svg"] = calibrations(report)
    for one in in_detail(report)[:1]:
        confidence = one.confidence
        if confidence.bins_before and confidence.bins_after:
            found["reliability-before.svg"] = reliability_diagram(confidence.bins_before)
            found["reliability-after.svg"] = reliability_diagram(confidence.bins_after)
    return found
