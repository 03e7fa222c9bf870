"""Measures precision plans, and remembers every part of it."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from calibration.measurement.answers import AnswerSheet, ask
from calibration.measurement.builder import FP32, Builder, Bundles
from calibration.measurement.exam import Exam
from calibration.measurement.judging import (
    accuracy,
    agreement,
    confidence_error,
    fitted_rule,
    r1_change,
)
from calibration.measurement.latency import latency
from calibration.measurement.likeness import Likener, Likeness, draw_probe
from calibration.measurement.steps import StepTimes, Stopwatch, Usage
from calibration.measurement.store import Store, digest_of, key_of
from calibration.records.measurement import PlanMeasurement
from export.precision.plan import PrecisionPlan
from models.evaluation.metrics import Estimate
from runtime.bundle.manifest import Decision
from runtime.bundle.reader import open_bundle
from runtime.catalog.progress import Progress
from runtime.errors import UsageError
from runtime.machine import describe, package_version


@dataclass(frozen=True)
class Sizes:
    """A bundle's digest and sizes; of one that is simulated, its own and not the stand-in's.

    Attributes:
        digest: of the bundle.
        submodules: bytes of each ONNX file of the plan's target.
        total: bytes of all files.
    """

    digest: str
    submodules: dict[str, int]
    total: int


class Measurer:
    """Measures plans against FP32 on one exam; what is known already is not measured again.

    Args:
        builder: makes the plans' bundles.
        bundles: keeps those that were built.
        exam: what every plan is asked.
        stopwatch: times steps; None where what runs here only stands for the target of the plans,
            so that its times, energy and memory say nothing.
        store: remembers.
        progress: shows progress.
        seed: of the sample for likeness.
    """

    def __init__(
        self,
        builder: Builder,
        bundles: Bundles,
        exam: Exam,
        stopwatch: Stopwatch | None,
        store: Store,
        progress: Progress,
        seed: int = 0,
    ) -> None:
        self.builder = builder
        self.exam = exam
        self._bundles = bundles
        self._stopwatch = stopwatch
        self._store = store
        self._progress = progress
        self.seed = seed
        self.conditions = None if stopwatch is None else stopwatch.conditions

    def measure(self, plan: PrecisionPlan) -> PlanMeasurement:
        """Everything about a plan.

        Raises:
            SgmnError: its bundle cannot be built or does not run.
        """
        depends = {
            **self._depends(plan),
            "exam": self.exam.digests,
            "steps": self._steps,
        }
        key = key_of(PlanMeasurement, depends)
        found = self._store.remembered(PlanMeasurement, depends, lambda: self._measured(plan, key))
        return replace(found, plan=plan)  # what does the same may have another name

    def answers(self, plan: PrecisionPlan) -> AnswerSheet:
        """What a plan answers to the whole exam."""
        return self._answers(plan, self.exam)

    def without_photos(self, plan: PrecisionPlan) -> AnswerSheet:
        """What a plan answers to the questions of the catalog without photos."""
        whole = self._store.get(AnswerSheet, key_of(AnswerSheet, self._asked(plan, self.exam)))
        if whole is not None:
            return whole.without_photos
        return self._answers(plan, self.exam.without_photos)

    def r1_change(self, plan: PrecisionPlan, other: PrecisionPlan = FP32) -> Estimate:
        """R@1 of all answers without photos minus that of another plan, paired."""
        return r1_change(self.without_photos(plan), self.without_photos(other))

    def likeness(self, plan: PrecisionPlan) -> Likeness:
        """Cosines to FP32."""
        depends = {
            **self._depends(plan),
            "exam": self.exam.without_photos.digests,
            "seed": self.seed,
        }
        return self._store.remembered(
            Likeness, depends, lambda: self._likener.compare(self._bundles.of(plan))
        )

    def times(
        self, plan: PrecisionPlan, other: PrecisionPlan | None, rounds: int | None = None
    ) -> StepTimes:
        """Steps of a plan, by turns with those of another."""
        depends = {
            **self._depends(plan),
            "beside": None if other is None else self.builder.identity(other),
            "steps": self._steps,
            "rounds": rounds,
        }

        def run() -> StepTimes:
            beside = None if other is None else self._bundles.of(other)
            return self._timing.time(self._bundles.of(plan), beside, rounds)

        return self._store.remembered(StepTimes, depends, run)

    def usage(self, plan: PrecisionPlan) -> Usage:
        """Energy and memory of a plan's steps."""
        depends = {**self._depends(plan), "steps": self._steps}
        return self._store.remembered(
            Usage, depends, lambda: self._timing.usage(self._bundles.of(plan))
        )

    def sizes(self, plan: PrecisionPlan) -> Sizes:
        """Sizes of a plan's bundle."""
        return self._store.remembered(
            Sizes, self._depends(plan), lambda: _sizes(self._bundles.of(plan))
        )

    @cached_property
    def rule(self) -> Decision:
        """The decision rule that fits FP32."""
        return fitted_rule(self.answers(FP32), self.builder.source.manifest.decision)

    def _measured(self, plan: PrecisionPlan, key: str) -> PlanMeasurement:
        sizes, likeness = self.sizes(plan), self.likeness(plan)
        sheet, reference = self.answers(plan), self.answers(FP32)
        timed = self._stopwatch is not None
        usage = self.usage(plan) if timed else Usage(None, None)
        return PlanMeasurement(
            plan=plan,
            key=key,
            bundle_digest=sizes.digest,
            bytes_by_submodule=sizes.submodules,
            total_bytes=sizes.total,
            latency=latency(self.times(plan, self._beside(plan))) if timed else None,
            peak_memory_bytes=usage.peak_memory_bytes,
            energy_j=usage.energy_j,
            accuracy=accuracy(sheet, reference),
            cosine=likeness.outputs,
            query_cosine=likeness.query,
            agreement=agreement(sheet, reference, self.rule, self.exam),
            confidence=confidence_error(sheet, self.rule),
            machine=describe(),
        )

    @property
    def _timing(self) -> Stopwatch:
        if self._stopwatch is None:
            raise ValueError("nothing is timed here")
        return self._stopwatch

    @property
    def _steps(self) -> dict[str, Any] | None:
        return None if self.conditions is None else asdict(self.conditions)

    def _beside(self, plan: PrecisionPlan) -> PrecisionPlan | None:
        """FP32 is timed alone, all others beside it."""
        same = self.builder.identity(plan) == self.builder.identity(FP32)
        return None if same else FP32

    def _answers(self, plan: PrecisionPlan, exam: Exam) -> AnswerSheet:
        return self._store.remembered(
            AnswerSheet,
            self._asked(plan, exam),
            lambda: ask(self._bundles.of(plan), exam, self._progress),
        )

    def _asked(self, plan: PrecisionPlan, exam: Exam) -> dict[str, Any]:
        return {**self._depends(plan), "exam": exam.digests}

    def _depends(self, plan: PrecisionPlan) -> dict[str, Any]:
        """What every number about a plan depends on.

        Raises:
            UsageError: the plan is for another target than what runs here.
        """
        if plan.target != "cpu" and self._stopwatch is not None:
            raise UsageError(
                f"the plan {plan.name} cannot be measured here",
                why=f"it is for {plan.target}; what runs here is for the processor",
                fix="judge it with `sgmn report --target tensorrt`, and time it on its target",
            )
        return {
            "fp32": self.builder.source.digest,
            "plan": self.builder.identity(plan),
            "machine": self._machine,
        }

    @cached_property
    def _machine(self) -> str:
        """Hardware and versions; INT8 gives other numbers on other processors."""
        fixed = {name: value for name, value in describe().items() if name != "load_1min"}
        return digest_of({**fixed, "numpy": package_version("numpy")})

    @cached_property
    def _likener(self) -> Likener:
        source = self.builder.source.folder
        return Likener(source, draw_probe(self.exam, source, self.seed))


def _sizes(folder: Path) -> Sizes:
    bundle = open_bundle(folder)
    files, simulated = bundle.manifest.files, bundle.manifest.provenance.get("simulated")
    if simulated is not None:
        return Sizes(**simulated)
    return Sizes(
        bundle.digest,
        {name: files[part.file].size_bytes for name, part in bundle.manifest.submodules.items()},
        sum(entry.size_bytes for entry in files.values()),
    )
