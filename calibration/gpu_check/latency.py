"""How long one step takes: a new frame against a catalog, as a kiosk does it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import ExitStack
from typing import Any

import numpy.typing as npt

from calibration.bench.alternative import Alternative, Call
from calibration.bench.harness import WORDS, StepHarness
from calibration.bench.paired import Rounds, Series, measure
from calibration.gpu_check.lab import Lab, Tell
from calibration.gpu_check.shelf import Shelf, made_up_shelf
from export.tensorrt.profiles import profile
from export.tensorrt.references import cases
from runtime.bundle.manifest import SUBMODULES
from runtime.bundle.reader import Bundle
from runtime.engines.engine import Engine
from runtime.network import Network

REPEATS = 6
"""Steps of one alternative in a round."""

SHARE = 0.5
"""Of the section's time that is for rounds; the rest is for loading."""

ALONE_S = 4.0
"""Most seconds for the engines one by one, for each precision."""

CHAIN, SINGLE = "on the device", "engine by engine"


def latency(lab: Lab, tell: Tell, preset: str) -> None:
    """Steps of every precision that was built, in pairs, on one catalog.

    Raises:
        SkippedError: no engines are there.
        GpuError: they cannot be used.
    """
    built = lab.built(preset)
    shelf = made_up_shelf(lab.bundle(preset, built[0]).manifest, lab.job.items, lab.job.seed)
    tell(items=lab.job.items)
    with ExitStack() as opened:
        steps = {}
        for precision in built:
            network = opened.enter_context(lab.network(preset, precision))
            harness = opened.enter_context(open_harness(network, shelf, lab.job.seed))
            tell(mode=mode(network, shelf), words=harness.heard.words)
            steps[precision] = harness
        alternatives: list[Alternative] = [
            Call(precision, harness.step, REPEATS) for precision, harness in steps.items()
        ]
        series = measure(alternatives, rounds_of(lab))
        tell(alternatives=figures(series))
        tell(stages_ms={name: one.step(0).latency_ms for name, one in steps.items()})
        # Last, as an engine that was run by itself has its CUDA graph recorded anew.
        rounds = Rounds(lab.job.rounds, limit_s=ALONE_S)
        tell(submodules_ms={name: _alone(one.network, rounds) for name, one in steps.items()})


def _alone(network: Network, rounds: Rounds) -> dict[str, float]:
    """Median of each engine by itself with one picture, text or query, copies included.

    More than what it adds to a step on the device, where nothing is copied.
    """
    calls = [
        Call(name, _running(network.engines[name], least_case(network.bundle, name)), REPEATS)
        for name in SUBMODULES
    ]
    series = measure(calls, rounds)
    return {name: round(one.percentile(50), 4) for name, one in series.items()}


def least_case(bundle: Bundle, name: str) -> Mapping[str, npt.NDArray[Any]]:
    """Inputs of the smallest shapes that an engine takes."""
    part = bundle.manifest.tensorrt[name]
    found = cases(bundle, name, part, profile(name, part, bundle.manifest))
    return found.get("made-up") or found["made-up, least"]


def _running(engine: Engine, feeds: Mapping[str, npt.NDArray[Any]]) -> Callable[[int], object]:
    return lambda _: engine.run(feeds)


def open_harness(network: Network, shelf: Shelf, seed: int) -> StepHarness:
    """A kiosk in full swing; without words where the packages that read them are missing."""
    from importlib.util import find_spec

    reads = all(find_spec(module) for module in ("rapidfuzz", "jellyfish"))
    return StepHarness(network, shelf, seed=seed, words=WORDS if reads else "")


def mode(network: Network, shelf: Shelf) -> str:
    """Whether steps stay on the device."""
    return SINGLE if network.chain(shelf) is None else CHAIN


def rounds_of(lab: Lab) -> Rounds:
    """As many as asked for, within the section's time."""
    return Rounds(lab.job.rounds, seed=lab.job.seed, limit_s=SHARE * lab.limit_s)


def figures(series: dict[str, Series]) -> dict[str, dict[str, float]]:
    """Percentiles by alternative."""
    return {name: one.as_dict() for name, one in series.items()}
