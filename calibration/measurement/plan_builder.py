"""Bundles made from an FP32 bundle as plans say."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

from calibration.measurement.store import digest_of
from export.precision.blocks import blocks
from export.precision.maker import BundleMaker
from export.precision.plan import Calibration, PrecisionPlan
from export.precision.simulation import simulate_bundle
from export.samples import Samples
from runtime.bundle.manifest import SUBMODULES
from runtime.bundle.reader import Bundle
from runtime.catalog.progress import Progress

Draw = Callable[[Calibration], Samples]


class PlanBuilder:
    """Makes bundles of plans; `calibration.measurement.builder.Builder`.

    Args:
        source: the FP32 bundle.
        draw: the calibration samples that a plan asks for.
        cache: folder of ranges measured before.
        progress: shows progress.
    """

    def __init__(self, source: Bundle, draw: Draw, cache: Path, progress: Progress) -> None:
        self._source = source
        self._draw = draw
        self._cache = cache
        self._progress = progress
        self._digests: dict[tuple[int, int], str] = {}
        self._blocks: dict[str, tuple[str, ...]] = {}
        self._latest: tuple[tuple[int, int], BundleMaker] | None = None

    @property
    def source(self) -> Bundle:
        """As `Builder.source`."""
        return self._source

    def identity(self, plan: PrecisionPlan) -> str:
        """As `Builder.identity`."""
        if _exact(plan):
            return self._source.digest
        key = _drawn(plan)
        if key not in self._digests:
            self._maker(plan)
        return digest_of([self._source.digest, plan.digest(), self._digests[key]])

    def build(self, plan: PrecisionPlan, out: Path) -> Path:
        """As `Builder.build`; nothing is built for FP32.

        Of a plan for TensorRT it is the bundle whose submodules compute on a processor what the
        plan's graphs do.
        """
        if _exact(plan):
            return self._source.folder
        if plan.target == "cpu":
            self._maker(plan).make(plan, out)
            return out
        with TemporaryDirectory(prefix=".graphs-", dir=out.parent) as folder:
            graphs = Path(folder) / "bundle"
            self._maker(plan).make(plan, graphs)
            simulate_bundle(graphs, out)
        return out

    def blocks(self, submodule: str) -> tuple[str, ...]:
        """As `Builder.blocks`."""
        if submodule not in self._blocks:
            file = self._source.folder / self._source.manifest.submodules[submodule].file
            names = tuple(block.name for block in blocks(file) if block.weighted)
            self._blocks[submodule] = names
        return self._blocks[submodule]

    def samples(self, plan: PrecisionPlan) -> str:
        """As `Builder.samples`."""
        if all(plan.of(name).precision != "int8" for name in SUBMODULES):
            return ""
        self.identity(plan)
        return self._digests[_drawn(plan)]

    def _maker(self, plan: PrecisionPlan) -> BundleMaker:
        """The maker with the plan's samples; one at a time, because pictures need memory."""
        key = _drawn(plan)
        if self._latest is None or self._latest[0] != key:
            samples = self._draw(plan.calibration)
            self._digests[key] = samples.digest()
            made = BundleMaker(self._source, samples, cache=self._cache, progress=self._progress)
            self._latest = key, made
        return self._latest[1]


def _exact(plan: PrecisionPlan) -> bool:
    return all(plan.of(name).precision == "fp32" for name in SUBMODULES)


def _drawn(plan: PrecisionPlan) -> tuple[int, int]:
    return plan.calibration.pictures, plan.calibration.seed
