"""From what a report is asked for to all that it shows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from calibration.budget import Budget
from calibration.measurement.exam import Exam
from calibration.measurement.measurer import Measurer
from calibration.measurement.workplace import Workplace
from calibration.recommendation import recommend
from calibration.records.measurement import PlanMeasurement
from calibration.records.report import Report
from calibration.report.extent import Extent
from calibration.report.plans import distinct
from calibration.sensitivity.calibrations import compare_calibrations
from calibration.sensitivity.study import Study, study
from export.precision.plan import PrecisionPlan
from models.evaluation.metrics import SEED
from runtime.bundle.reader import open_bundle
from runtime.catalog.progress import Progress
from runtime.machine import describe


@dataclass(frozen=True)
class Request:
    """What a report is asked for.

    Attributes:
        place: where, on what and how it is measured; what ships is the one bundle that is ready.
        plans: to measure beside FP32 and the mixed plan.
        start: of the search for the mixed plan: everything in INT8 that may be.
        budget: of R@1.
        extent: how much is measured.
    """

    place: Workplace
    plans: Sequence[PrecisionPlan]
    start: PrecisionPlan
    budget: Budget
    extent: Extent

    @property
    def shipped(self) -> PrecisionPlan | None:
        """The plan of the bundle that ships; None where none was given."""
        return next((plan for plan, _ in self.place.plans()), None)


def measure(request: Request, progress: Progress) -> Report:
    """Measure all that is not remembered.

    Raises:
        SgmnError: a bundle cannot be built or does not run, or an input cannot be used.
    """
    extent = request.extent
    with request.place.open() as measurer:
        blocks = study(measurer, request.start, extent.blocks, request.budget, progress)
        plans = _plans(request, blocks)
        shown = progress(plans, label="Measuring plans", total=len(plans))
        measured = tuple(measurer.measure(plan) for plan in shown)
        comparisons = compare_calibrations(
            measurer, request.start, progress, counts=extent.counts, judged=extent.judged
        )
        shipped = request.shipped
        return Report(
            measurements=measured,
            recommendation=recommend(measured, blocks.sensitivities, request.budget),
            sensitivities=blocks.sensitivities,
            comparisons=comparisons,
            search=() if blocks.found is None else blocks.found.steps,
            shipped=None if shipped is None else shipped.name,
            clips=len(request.place.exam.clips),
            gallery=len(request.place.exam.items),
            root=str(request.place.exam.root),
            images=_images(measured, request.place.exam),
            machine={k: v for k, v in describe().items() if k != "load_1min"},
            seeds=_seeds(request),
            digests=_digests(request, measurer),
        )


def _plans(request: Request, blocks: Study) -> list[PrecisionPlan]:
    """FP32, what ships, what was asked for and what was found; what does the same, once."""
    shipped = [] if request.shipped is None else [request.shipped]
    found = [] if blocks.found is None else [blocks.found.plan]
    return distinct([*shipped, *request.plans, *found])


def _images(measured: Sequence[PlanMeasurement], exam: Exam) -> dict[str, str]:
    changes = [change for one in measured for change in one.agreement.rank_changes]
    named = sorted({c.product_id for c in changes} | {c.named_id for c in changes})
    return {product_id: str(exam.items[product_id].image) for product_id in named}


def _seeds(request: Request) -> dict[str, int]:
    return {
        "calibration": request.start.calibration.seed,
        "sample for likeness": request.place.seed,
        "made-up catalog": request.place.conditions.seed,
        "intervals": SEED,
    }


def _digests(request: Request, measurer: Measurer) -> dict[str, str]:
    samples = request.place.sources.draw(request.start.calibration)
    return {
        "fp32": open_bundle(request.place.source).digest,
        "calibration samples": samples.digest(),
        **measurer.exam.digests,
    }
