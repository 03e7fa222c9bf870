"""Everything a report needs, measured: plans, blocks, calibrations, the search, what to ship."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from calibration.budget import Budget
from calibration.measurement.builder import FP32
from calibration.measurement.measurer import Measurer
from calibration.recommendation import recommend
from calibration.records.measurement import PlanMeasurement
from calibration.records.report import Report
from calibration.records.sensitivity import CalibrationComparison
from calibration.sensitivity.calibrations import COUNTS, METHODS, compare_calibrations
from calibration.sensitivity.search import MIXED
from calibration.sensitivity.study import Study, study
from calibration.sensitivity.sweep import Effort
from export.precision.plan import Method, PrecisionPlan
from models.evaluation.metrics import SEED
from runtime.catalog.progress import Progress
from runtime.errors import UsageError
from runtime.machine import describe


@dataclass(frozen=True)
class Survey:
    """What to measure.

    Attributes:
        plans: beside FP32 and the mixed plan, each of another name; one that does what another
            before it does is left out.
        whole: the plan with everything in INT8 that may be, whose blocks are looked at and which
            the search begins with; None leaves both, and the comparison of calibrations, out.
        budget: of R@1.
        effort: put into the blocks.
        methods: of calibration to compare.
        counts: of calibration pictures to compare.
        judged: whether R@1 is measured of each way to calibrate.
        shipped: name of the plan that ships now; None where it is not among them.
        quick: whether all this is for a look only, which the report then says.
    """

    plans: Sequence[PrecisionPlan]
    whole: PrecisionPlan | None
    budget: Budget = field(default_factory=Budget)
    effort: Effort = field(default_factory=Effort)
    methods: Sequence[Method] = METHODS
    counts: Sequence[int] = COUNTS
    judged: bool = True
    shipped: str | None = None
    quick: bool = False

    def run(self, measurer: Measurer, progress: Progress) -> Report:
        """Measure all of it; what was measured before is remembered.

        Raises:
            UsageError: two plans have the same name, or that of FP32 or of the mixed one.
            SgmnError: a bundle cannot be built or does not run.
        """
        _require_names(self.plans)
        found = None if self.whole is None else self._studied(measurer, self.whole, progress)
        searched = None if found is None else found.found
        mixed = [] if searched is None else [searched.plan]
        plans = _distinct([*self.plans, *mixed], self.shipped)
        shown = progress(plans, label="Measuring plans", total=len(plans))
        measured = tuple(measurer.measure(plan) for plan in shown)
        sensitivities = () if found is None else found.sensitivities
        report = Report(
            measurements=measured,
            recommendation=recommend(measured, sensitivities, self.budget),
            sensitivities=sensitivities,
            comparisons=self._compared(measurer, progress),
            search=() if searched is None else searched.steps,
            shipped=self.shipped,
            quick=self.quick,
        )
        return _described(report, measurer, plans)

    def _studied(self, measurer: Measurer, whole: PrecisionPlan, progress: Progress) -> Study:
        return study(measurer, whole, self.effort, self.budget, progress)

    def _compared(
        self, measurer: Measurer, progress: Progress
    ) -> tuple[CalibrationComparison, ...]:
        if self.whole is None:
            return ()
        return compare_calibrations(
            measurer,
            self.whole,
            progress,
            methods=self.methods,
            counts=self.counts,
            judged=self.judged,
        )


def _require_names(plans: Sequence[PrecisionPlan]) -> None:
    """A name stands for one plan in a report."""
    known = {FP32.name: FP32.digest()}
    for plan in plans:
        if plan.name == MIXED or known.setdefault(plan.name, plan.digest()) != plan.digest():
            raise UsageError(
                f"there are two plans {plan.name}",
                why="a report tells plans apart by their names",
                fix="change `name` in the plan's file",
            )


def _distinct(plans: Sequence[PrecisionPlan], shipped: str | None) -> list[PrecisionPlan]:
    """FP32, and of plans that do the same the first; what ships is measured even if it is FP32."""
    found: dict[str, PrecisionPlan] = {}
    for plan in plans:
        found.setdefault(plan.digest(), plan)
    exact = found.pop(FP32.digest(), FP32)
    return [FP32, *([exact] if exact.name == shipped else []), *found.values()]


def _described(report: Report, measurer: Measurer, plans: Sequence[PrecisionPlan]) -> Report:
    """With what the numbers were measured on."""
    exam, samples = measurer.exam, measurer.builder.samples
    calibrated = {plan.name: samples(plan) for plan in plans}
    return replace(
        report,
        clips=len(exam.clips),
        gallery=measurer.answers(FP32).questions[0].gallery,
        root=str(exam.root),
        images={name: str(exam.items[name].image) for name in _named(report.measurements)},
        machine=describe(),
        seeds={
            "bootstrap": SEED,
            "likeness": measurer.seed,
            **({} if measurer.conditions is None else {"steps": measurer.conditions.seed}),
            **{f"calibration of {plan.name}": plan.calibration.seed for plan in plans},
        },
        digests={
            "fp32": report.reference.bundle_digest,
            **exam.digests,
            **{f"samples of {name}": digest for name, digest in calibrated.items() if digest},
        },
    )


def _named(measurements: Sequence[PlanMeasurement]) -> list[str]:
    """Products whose pictures a report shows."""
    changes = [change for one in measurements for change in one.agreement.rank_changes]
    return sorted({name for change in changes for name in (change.product_id, change.named_id)})
