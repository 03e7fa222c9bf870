"""Timing steps: a plan's and FP32's by turns, so that what else the machine does falls on both."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Protocol

import numpy as np

from calibration.bench.harness import ITEMS, StepHarness
from calibration.bench.stock import made_up_catalog
from calibration.bench.threads import limited_threads
from calibration.measurement.energy import EnergyMeter, energy_meter
from calibration.measurement.memory import peak_memory
from runtime.bundle.reader import open_bundle
from runtime.catalog.sqlite_catalog import SqliteCatalog
from runtime.engines.settings import EngineSettings
from runtime.lifecycle import Closable
from runtime.network import Network

ROUNDS = 200
WARM_UP = 20

_Spent = tuple[float, Mapping[str, float]]
"""Milliseconds of a step, in all and by stage."""


@dataclass(frozen=True)
class Conditions:
    """How steps are timed.

    Attributes:
        threads: of a run of a submodule, and of NumPy.
        items: products of the made-up catalog.
        rounds: steps of each that count.
        warm_up: steps of each before them.
        seed: of catalog and frames.
    """

    threads: int = 1
    items: int = ITEMS
    rounds: int = ROUNDS
    warm_up: int = WARM_UP
    seed: int = 0


@dataclass(frozen=True)
class StepTimes:
    """Raw times of steps.

    Attributes:
        plan_ms: milliseconds of the plan's steps, in the order they ran.
        reference_ms: of the other's, step for step beside them; empty where there was none.
        stages_ms: median of each stage of the plan's steps.
        provider: what ran the frame encoder.
        conditions: how they were timed.
    """

    plan_ms: tuple[float, ...]
    reference_ms: tuple[float, ...]
    stages_ms: Mapping[str, float]
    provider: str
    conditions: Conditions


@dataclass(frozen=True)
class Usage:
    """What steps of a bundle need.

    Attributes:
        energy_j: of one step; None where the board does not report power.
        peak_memory_bytes: resident, of a process that runs the steps alone; None where the kernel
            does not tell.
    """

    energy_j: float | None
    peak_memory_bytes: int | None


class Stopwatch(Protocol):
    """Times steps of bundles."""

    @property
    def conditions(self) -> Conditions:
        """How it does."""

    def time(self, bundle: Path, reference: Path | None, rounds: int | None = None) -> StepTimes:
        """Time a bundle's steps.

        Args:
            bundle: folder of the plan's bundle.
            reference: of another whose steps take turns with it; None to time it alone.
            rounds: steps of each; those of the conditions where None.

        Raises:
            BundleError, EngineError: a bundle cannot be used.
        """

    def usage(self, bundle: Path) -> Usage:
        """Measure energy and memory of a bundle's steps, apart from their time.

        Raises:
            BundleError, EngineError: the bundle cannot be used.
        """


class StepStopwatch(Closable):
    """Times steps on this machine.

    Args:
        conditions: how.
        meter: of the board's energy; None where it reports none.
    """

    def __init__(self, conditions: Conditions, meter: EnergyMeter | None) -> None:
        self._conditions = conditions
        self._meter = meter
        self._opened = ExitStack()

    @classmethod
    def on_this_machine(cls, conditions: Conditions) -> StepStopwatch:
        """With the board's own meter, where there is one."""
        return cls(conditions, energy_meter())

    @property
    def conditions(self) -> Conditions:
        """As `Stopwatch.conditions`."""
        return self._conditions

    def time(self, bundle: Path, reference: Path | None, rounds: int | None = None) -> StepTimes:
        """As `Stopwatch.time`."""
        count = rounds or self._conditions.rounds
        folders = [bundle] if reference is None else [bundle, reference]
        with limited_threads(self._conditions.threads), ExitStack() as opened:
            catalog = opened.enter_context(self._catalog(bundle))
            harnesses = [opened.enter_context(self._harness(one, catalog)) for one in folders]
            runs = _take_turns(harnesses, self._conditions.warm_up, count)
            provider = harnesses[0].network.providers["frame_encoder"]
        return StepTimes(
            plan_ms=tuple(ms for ms, _ in runs[0]),
            reference_ms=tuple(ms for run in runs[1:] for ms, _ in run),
            stages_ms=_medians([stages for _, stages in runs[0]]),
            provider=provider,
            conditions=self._conditions,
        )

    def usage(self, bundle: Path) -> Usage:
        """As `Stopwatch.usage`."""
        threads, steps = self._conditions.threads, self._conditions.warm_up
        with limited_threads(threads), ExitStack() as opened:
            harness = self._harness(bundle, opened.enter_context(self._catalog(bundle)))
            opened.enter_context(harness)
            energy = None if self._meter is None else _energy(harness, self._meter, steps)
        return Usage(energy, peak_memory(bundle, self._shelf, threads, steps))

    def close(self) -> None:
        """Remove the made-up catalog."""
        self._opened.close()

    @cached_property
    def _shelf(self) -> Path:
        folder = self._opened.enter_context(tempfile.TemporaryDirectory(prefix="sgmn-steps-"))
        return Path(folder) / "catalog"

    def _catalog(self, bundle: Path) -> SqliteCatalog:
        """One catalog serves all bundles of a network: only its sizes matter."""
        if self._shelf.exists():
            return SqliteCatalog.open(self._shelf)
        manifest = open_bundle(bundle).manifest
        return made_up_catalog(self._shelf, manifest, self._conditions.items, self._conditions.seed)

    def _harness(self, bundle: Path, catalog: SqliteCatalog) -> StepHarness:
        network = Network.open(bundle, EngineSettings(threads=self._conditions.threads))
        return StepHarness(network, catalog, seed=self._conditions.seed)


def _take_turns(harnesses: list[StepHarness], warm_up: int, rounds: int) -> list[list[_Spent]]:
    """What every step of each took; who goes first alternates."""
    runs: list[list[_Spent]] = [[] for _ in harnesses]
    places = list(range(len(harnesses)))
    for number in range(warm_up + rounds):
        for place in places if number % 2 else places[::-1]:
            spent = _step(harnesses[place], number)
            if number >= warm_up:
                runs[place].append(spent)
    return runs


def _step(harness: StepHarness, number: int) -> _Spent:
    begun = time.perf_counter()
    stages = harness.step(number).latency_ms
    return (time.perf_counter() - begun) * 1e3, stages


def _energy(harness: StepHarness, meter: EnergyMeter, rounds: int) -> float | None:
    """Joules of one step, from a run of steps of the plan alone."""
    with meter.measuring() as measured:
        for number in range(rounds):
            harness.step(number)
    joules = measured.joules
    return None if joules is None else joules / rounds


def _medians(steps: Sequence[Mapping[str, float]]) -> dict[str, float]:
    stages = {stage for step in steps for stage in step} - {"total"}
    return {
        stage: float(np.median([step[stage] for step in steps if stage in step]))
        for stage in sorted(stages)
    }
