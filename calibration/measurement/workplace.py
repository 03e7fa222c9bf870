"""Everything that measuring needs, in one folder that a later run goes on from."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from calibration.measurement.builder import Builder, Bundles, ReadyBundles, plan_of
from calibration.measurement.exam import Exam
from calibration.measurement.measurer import Measurer
from calibration.measurement.plan_builder import PlanBuilder
from calibration.measurement.steps import Conditions, StepStopwatch
from calibration.measurement.store import Store
from calibration.samples import draw_samples
from export.precision.plan import Calibration, PrecisionPlan, Target
from export.samples import Samples
from runtime.bundle.manifest import Manifest
from runtime.bundle.reader import Bundle
from runtime.catalog.progress import no_progress
from runtime.errors import StorageError, UsageError
from runtime.lock import FileLock


@dataclass(frozen=True)
class Sources:
    """Where calibration samples come from.

    Attributes:
        feeds: catalogs.
        pictures: folders of pictures.
        clips: video files.
    """

    feeds: tuple[Path, ...]
    pictures: tuple[Path, ...] = ()
    clips: tuple[Path, ...] = ()

    def draw(self, asked: Calibration) -> Samples:
        """The samples that a plan asks for.

        Raises:
            SgmnError: as `calibration.samples.draw_samples`.
        """
        return draw_samples(
            feeds=self.feeds,
            pictures=self.pictures,
            clips=self.clips,
            count=asked.pictures,
            seed=asked.seed,
        )


@dataclass(frozen=True)
class Workplace:
    """What is measured, how, and where it is remembered.

    Attributes:
        source: the FP32 bundle.
        exam: what every plan is asked.
        sources: of calibration samples.
        out: folder of all that is remembered.
        conditions: how steps are timed.
        ready: bundles that are there already, by the names that their plans get.
        seed: of the sample for likeness.
        target: of all plans. For ``tensorrt`` their graphs are simulated on the processor, and
            nothing is timed.
    """

    source: Bundle
    exam: Exam
    sources: Sources
    out: Path
    conditions: Conditions = field(default_factory=Conditions)
    ready: Mapping[str, Bundle] = field(default_factory=dict)
    seed: int = 0
    target: Target = "cpu"

    def plans(self) -> list[tuple[PrecisionPlan, Bundle]]:
        """The plans of the bundles that are there, with the bundles."""
        return [
            (plan_of(bundle.manifest, name, self.target), bundle)
            for name, bundle in self.ready.items()
        ]

    @contextmanager
    def open(self) -> Iterator[Measurer]:
        """A measurer, while no other process works in the folder.

        Raises:
            StorageError: another process works there, or nothing can be written there.
            UsageError: a bundle that is there is not of the same network.
        """
        for bundle in self.ready.values():
            _require_same(self.source, bundle)
        with ExitStack() as opened:
            _lock(self.out, opened)
            # Bars cannot stand within bars; those of the caller tell enough.
            made = PlanBuilder(self.source, self.sources.draw, self.out / "ranges", no_progress)
            builder: Builder = made
            if self.ready:
                builder = _Both(ReadyBundles(self.source, self.plans()), made)
            yield Measurer(
                builder,
                Bundles(builder, self.out / "bundles"),
                self.exam,
                self._stopwatch(opened),
                Store(self.out / "measurements"),
                no_progress,
                self.seed,
            )

    def _stopwatch(self, opened: ExitStack) -> StepStopwatch | None:
        if self.target != "cpu":
            return None
        return opened.enter_context(StepStopwatch.on_this_machine(self.conditions))


class _Both:
    """Bundles that are there, and all others as they are built."""

    def __init__(self, ready: ReadyBundles, builder: PlanBuilder) -> None:
        self._ready = ready
        self._builder = builder

    @property
    def source(self) -> Bundle:
        return self._builder.source

    def identity(self, plan: PrecisionPlan) -> str:
        return self._of(plan).identity(plan)

    def build(self, plan: PrecisionPlan, out: Path) -> Path:
        return self._of(plan).build(plan, out)

    def samples(self, plan: PrecisionPlan) -> str:
        return self._of(plan).samples(plan)

    def blocks(self, submodule: str) -> tuple[str, ...]:
        return self._builder.blocks(submodule)

    def _of(self, plan: PrecisionPlan) -> Builder:
        return self._ready if self._ready.holds(plan) else self._builder


def _require_same(source: Bundle, other: Bundle) -> None:
    """Another network's accuracy says nothing of precision."""
    if _training(source.manifest) != _training(other.manifest):
        raise UsageError(
            f"{other.folder} is not of the network of {source.folder}",
            why="their manifests tell of different training",
            fix="give the FP32 bundle that it was made of",
        )


def _training(manifest: Manifest) -> dict[str, object]:
    """What a manifest tells of the training, but for the commit of the code."""
    told = manifest.provenance.get("training") or {}
    return {"preset": manifest.preset, **{k: v for k, v in told.items() if k != "git"}}


def _lock(out: Path, opened: ExitStack) -> None:
    try:
        out.mkdir(parents=True, exist_ok=True)
        lock = FileLock(out / "lock")
        taken = lock.acquire()
    except OSError as error:
        raise StorageError(
            f"cannot write into {out}", why=str(error), fix="name another --out"
        ) from error
    if not taken:
        raise StorageError(
            f"another process works in {out}",
            why="both would build and remove the same bundles",
            fix="wait until it has ended, or name another --out",
        )
    opened.callback(lock.release)
