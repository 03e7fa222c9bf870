"""How long one step takes: a new frame against a catalog, as a kiosk does it."""

from __future__ import annotations

from contextlib import ExitStack

from calibration.bench.alternative import Alternative, Call
from calibration.bench.harness import WORDS, StepHarness
from calibration.bench.paired import Rounds, Series, measure
from calibration.gpu_check.lab import Lab, Tell
from calibration.gpu_check.shelf import Shelf, made_up_shelf
from runtime.network import Network

REPEATS = 6
"""Steps of one alternative in a round."""

SHARE = 0.6
"""Of the section's time that is for rounds; the rest is for loading."""

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
