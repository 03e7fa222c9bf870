"""Holds the contests one after the other."""

from __future__ import annotations

import os
import shlex
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch

from calibration.bench import gpu, kiosk, shelf, submodules
from calibration.bench.kiosk import Contenders
from calibration.bench.material import Material, require_same, seeded, twins
from calibration.bench.paired import Rounds, measure
from calibration.bench.release.query import Sampled
from calibration.bench.results import Contest, Results
from calibration.bench.stock import made_up_catalog
from calibration.bench.threads import limited_threads
from runtime.bundle.manifest import SUBMODULES
from runtime.bundle.reader import verify
from runtime.catalog.progress import Progress
from runtime.errors import GpuError
from runtime.machine import describe, package_version

PARTS = ("kiosk", "submodules", "gpu", "shelf")


@dataclass(frozen=True)
class Settings:
    """What is measured and how long.

    Attributes:
        quick: parts of the release's query are scaled and it is never run whole.
        parts: of `PARTS`.
        threads: numbers of threads, the first one for the shelf as well.
        items: products of the kiosk's catalog.
        rounds: of every contest but the shelf's.
        shelf_rounds: of the scaled shelf.
        limit_s: seconds after which a contest begins no further round.
        compiled: whether to try ``torch.compile``.
        sampled: how much of the release's query is timed.
        seed: of everything drawn.
    """

    quick: bool = True
    parts: tuple[str, ...] = PARTS
    threads: tuple[int, ...] = (1, 2)
    items: int = 10_000
    rounds: int = 30
    shelf_rounds: int = 6
    limit_s: float = 30.0
    compiled: bool = False
    sampled: Sampled = field(default_factory=Sampled)
    seed: int = 0

    def rounds_of(self, count: int, warmup: int = 2) -> Rounds:
        """So many rounds, within the limit."""
        return Rounds(count, warmup, self.seed, self.limit_s)


@dataclass(frozen=True)
class Sources:
    """Where networks come from.

    Attributes:
        bundle: the one that is to be fast.
        fp32: its twin, or None.
        checkpoint: of both, or None.
        cache: folder of exported bundles.
        tensorrt: bundle of the same network whose TensorRT engines are built; None for ``bundle``.
    """

    bundle: Path
    fp32: Path | None
    checkpoint: Path | None
    cache: Path
    tensorrt: Path | None = None


class Bench:
    """One run.

    Args:
        sources: of the networks.
        settings: of the run.
        progress: shows how far a contest is.
        place: of the contests on a GPU.
    """

    def __init__(
        self,
        sources: Sources,
        settings: Settings,
        progress: Progress,
        place: gpu.Place = gpu.Place(),  # noqa: B008 - frozen
    ) -> None:
        self._place = place
        self._sources = sources
        self._settings = settings
        self._progress = progress
        self._results = Results({})

    def run(self) -> Results:
        """Hold all contests that were asked for.

        Raises:
            BundleError, UsageError, ExportError: see `calibration.bench.material.twins`.
        """
        begun, parts = time.perf_counter(), self._settings.parts
        about = _about(self._settings)
        self._results = Results(about)
        with tempfile.TemporaryDirectory(prefix="sgmn-bench-") as folder:
            if {"kiosk", "submodules", "gpu"} & set(parts):
                sources = self._sources
                material = twins(sources.bundle, sources.fp32, sources.checkpoint, sources.cache)
                about["network"] = material.as_dict()
                if sources.tensorrt is not None:
                    require_same(material.network, verify(sources.tensorrt), sources.tensorrt)
                if "kiosk" in parts:
                    self._kiosk(material, Path(folder) / "catalog")
                if "submodules" in parts:
                    self._submodules(material)
                if "gpu" in parts:
                    self._gpu(material)
            if "shelf" in parts:
                self._shelf(Path(folder) / "shelf")
        about["load_1min_after"] = _load()
        about["seconds"] = round(time.perf_counter() - begun, 1)
        return self._results

    def _kiosk(self, material: Material, folder: Path) -> None:
        settings = self._settings
        manifest = verify(material.fp32)
        with made_up_catalog(folder, manifest, settings.items, settings.seed) as catalog:
            for threads in settings.threads:
                with limited_threads(threads):
                    opened = kiosk.kiosks(
                        material,
                        catalog,
                        threads=threads,
                        seed=settings.seed,
                        compiled=settings.compiled,
                    )
                    self._hold("kiosk", threads, opened, kiosk.RATIOS)

    def _submodules(self, material: Material) -> None:
        settings = self._settings
        for name in SUBMODULES:
            pairs = [(f"{name}_int8_vs_{rival}", rival, "int8") for rival in submodules.RIVALS]
            for threads in settings.threads:
                with limited_threads(threads):
                    opened = submodules.submodule(
                        material,
                        name,
                        threads=threads,
                        seed=settings.seed,
                        compiled=settings.compiled,
                    )
                    self._hold(name, threads, opened, pairs)

    def _gpu(self, material: Material) -> None:
        bundle, threads = self._sources.tensorrt or self._sources.bundle, self._settings.threads[0]
        try:
            gpu.require_gpu(self._place)
            with (
                limited_threads(threads),
                gpu.open_sides(material.network, bundle, self._place) as sides,
            ):
                self._gpu_contests(sides, threads)
        except GpuError as error:
            self._results.skipped["gpu"] = f"{error.what}: {error.why}"

    def _gpu_contests(self, sides: gpu.Sides, threads: int) -> None:
        settings, bundle = self._settings, sides.runtime.bundle
        self._results.about["gpu"] = {"runs_on": sides.where, "bundle": bundle.digest}
        seed, compiled = settings.seed, settings.compiled
        with (
            tempfile.TemporaryDirectory(prefix="sgmn-bench-") as folder,
            made_up_catalog(
                Path(folder) / "catalog", bundle.manifest, settings.items, settings.seed
            ) as catalog,
        ):
            opened = gpu.kiosk(sides, catalog, seed=seed, compiled=compiled)
            self._hold("kiosk on the GPU", threads, opened, gpu.RATIOS)
        for name in SUBMODULES:
            pairs = [(f"{name}_{gpu.OURS}_vs_{rival}", rival, gpu.OURS) for rival in gpu.RIVALS]
            opened = gpu.submodule(sides, name, seed=seed, compiled=compiled)
            self._hold(f"{name} on the GPU", threads, opened, pairs)

    def _hold(
        self,
        name: str,
        threads: int,
        contenders: AbstractContextManager[Contenders],
        pairs: Sequence[tuple[str, str, str]],
    ) -> None:
        settings, label = self._settings, f"{name}, {_threads(threads)}"
        # Torch compiles a function for a few sets of shapes and threads, and then no more.
        torch.compiler.reset()
        with contenders as found:
            for rival, why in found.refused.items():
                self._results.skipped[f"{rival}: {label}"] = why
            before, rounds = _load(), settings.rounds_of(settings.rounds)
            series = measure(found.alternatives, rounds, watch=self._watch(label))
        self._add(
            Contest(name, threads, series, (before, _load()), found.stages, found.compile_s), pairs
        )

    def _shelf(self, folder: Path) -> None:
        lacking = shelf.lacking_memory()
        if lacking:
            self._results.skipped["shelf"] = lacking
            return
        settings, threads = self._settings, self._settings.threads[0]
        material = seeded(shelf.PRESET, self._sources.cache)
        self._results.about["shelf_network"] = material.as_dict()
        manifest, size = verify(material.fp32), settings.sampled.shelf
        with (
            made_up_catalog(folder, manifest, size, settings.seed) as catalog,
            limited_threads(threads),
            shelf.sides(material, catalog, threads=threads, seed=settings.seed) as found,
        ):
            self._shelf_scaled(found, threads)
            if not settings.quick:
                self._shelf_whole(found, threads)

    def _shelf_scaled(self, found: shelf.Sides, threads: int) -> None:
        settings = self._settings
        rounds = settings.rounds_of(settings.shelf_rounds, warmup=1)
        before, watch = _load(), self._watch(f"shelf of {settings.sampled.shelf}, scaled")
        series = shelf.sampled_query(found, settings.sampled, rounds, watch)
        pairs = shelf.ratio_names(settings.sampled.shelf, scaled=not settings.quick)
        self._add(Contest("shelf, scaled", threads, series, (before, _load())), pairs)
        for name, *_ in pairs:
            self._results.extrapolated_from[name] = settings.sampled.as_dict()

    def _shelf_whole(self, found: shelf.Sides, threads: int) -> None:
        settings = self._settings
        before, watch = _load(), self._watch(f"shelf of {settings.sampled.shelf}, in full")
        series = shelf.whole_query(found, settings.sampled.shelf, settings.seed, watch)
        pairs = shelf.ratio_names(settings.sampled.shelf, scaled=False)
        self._add(Contest("shelf, in full", threads, series, (before, _load())), pairs)

    def _add(self, contest: Contest, pairs: Sequence[tuple[str, str, str]]) -> None:
        self._results.contests.append(contest)
        self._results.ratios.update(contest.ratios(pairs, self._settings.seed))

    def _watch(self, label: str) -> Callable[[Sequence[int]], Iterable[int]]:
        return lambda rounds: self._progress(rounds, label=label, total=len(rounds))


def _about(settings: Settings) -> dict[str, Any]:
    return {
        "machine": describe(),
        "versions": {
            "torch": package_version("torch"),
            "onnx": package_version("onnx"),
            "numpy": package_version("numpy"),
        },
        "settings": asdict(settings),
        "command": shlex.join(["sgmn", *sys.argv[1:]]),
        "load_1min_before": _load(),
    }


def _load() -> float:
    return round(os.getloadavg()[0], 2)


def _threads(count: int) -> str:
    return f"{count} thread" + ("s" if count > 1 else "")
