"""Everything that one report shows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from calibration.records.measurement import PlanMeasurement
from calibration.records.recommendation import Recommendation
from calibration.records.search import SearchStep
from calibration.records.sensitivity import CalibrationComparison, Sensitivity


@dataclass(frozen=True)
class Report:
    """Accuracy against latency.

    Attributes:
        measurements: a plan each, FP32 first.
        recommendation: which of them to ship.
        sensitivities: a block each, the most sensitive first.
        comparisons: ways to calibrate.
        search: what the search visited, in order.
        shipped: name of the plan that ships now; None where it is not among those measured.
        quick: whether less was measured, for a look.
        clips: number of clips.
        gallery: number of products in the catalog, distractors among them.
        root: folder that photo paths are relative to.
        images: shop image of each product that a rank change names, by id.
        machine: hardware and versions.
        seeds: by what they seed.
        digests: hex SHA-256 of the FP32 bundle, the clips, the catalog and the calibration samples.
    """

    measurements: tuple[PlanMeasurement, ...]
    recommendation: Recommendation
    sensitivities: tuple[Sensitivity, ...] = ()
    comparisons: tuple[CalibrationComparison, ...] = ()
    search: tuple[SearchStep, ...] = ()
    shipped: str | None = None
    quick: bool = False
    clips: int = 0
    gallery: int = 0
    root: str = ""
    images: Mapping[str, str] = field(default_factory=dict)
    machine: Mapping[str, Any] = field(default_factory=dict)
    seeds: Mapping[str, int] = field(default_factory=dict)
    digests: Mapping[str, str] = field(default_factory=dict)

    @property
    def reference(self) -> PlanMeasurement:
        """FP32, which all others are compared with."""
        return self.measurements[0]

    def of(self, name: str) -> PlanMeasurement:
        """The measurement of a plan.

        Raises:
            KeyError: it was not measured.
        """
        return {one.plan.name: one for one in self.measurements}[name]
