"""A kiosk's work end to end: one new frame, and a whole clip, in every form of one network."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import partial

from calibration.bench.alternative import Alternative, Call
from calibration.bench.harness import StepHarness
from calibration.bench.material import Material
from calibration.bench.torch_forms import COMPILED, forms
from calibration.bench.torch_match import TorchMatch
from runtime.catalog.catalog import CatalogReader
from runtime.engines.settings import EngineSettings
from runtime.network import Network

QUICK, SLOW = 6, 2
"""Steps in a round: of ONNX Runtime, whose tail is asked for, and of torch."""

RATIOS = (
    ("step_int8_vs_torch_eager_clip", "torch_eager_clip", "int8_step"),
    ("step_int8_vs_torch_eager_frames", "torch_eager_frames", "int8_step"),
    ("step_int8_vs_fp32", "fp32_step", "int8_step"),
    ("step_int8_vs_torch_eager", "torch_eager_step", "int8_step"),
    ("step_int8_vs_torch_compile", "torch_compile_step", "int8_step"),
    ("clip_int8_vs_fp32", "fp32_clip", "int8_clip"),
    ("clip_int8_vs_torch_eager", "torch_eager_clip", "int8_clip"),
    ("clip_int8_vs_torch_compile", "torch_compile_clip", "int8_clip"),
)
"""Name, slow and fast alternative."""

Stages = dict[str, dict[str, list[float]]]
"""Milliseconds by bundle (``int8``, ``fp32``) and stage."""


@dataclass
class Contenders:
    """What takes part.

    Attributes:
        alternatives: to measure together.
        stages: filled while they are measured, warm-up included.
        compile_s: seconds that ``torch.compile`` took; None where it takes no part.
        refused: why something cannot take part, by its name.
    """

    alternatives: list[Alternative] = field(default_factory=list)
    stages: Stages = field(default_factory=dict)
    compile_s: float | None = None
    refused: dict[str, str] = field(default_factory=dict)

    def add_bundle(self, name: str, harness: StepHarness) -> None:
        """A bundle in the runtime, whatever runs its submodules."""
        spent = self.stages.setdefault(name, {})

        def step(number: int) -> None:
            for stage, ms in harness.step(number).latency_ms.items():
                spent.setdefault(stage, []).append(ms)

        self.alternatives.append(Call(f"{name}_step", step, QUICK))
        self.alternatives.append(Call(f"{name}_clip", harness.clip))

    def add_torch(self, name: str, make: Callable[[], TorchMatch]) -> None:
        """The network in a form of torch; where that fails here, why is kept."""
        with self.refusing(name):
            match = make()
            match.prepare()
            self.alternatives.append(Call(f"{name}_step", match.step, SLOW))
            self.alternatives.append(Call(f"{name}_clip", match.clip))
            self.alternatives.append(Call(f"{name}_frames", match.frames))

    @contextmanager
    def refusing(self, name: str) -> Iterator[None]:
        """Within the block a form of torch runs for the first time: it is timed and may fail."""
        begun = time.perf_counter()
        try:
            yield
        except RuntimeError as error:  # torch's own errors derive from it
            self.refused[name] = reason(error)
            return
        if name == COMPILED:
            self.compile_s = time.perf_counter() - begun


@contextmanager
def kiosks(
    material: Material, catalog: CatalogReader, *, threads: int, seed: int, compiled: bool
) -> Iterator[Contenders]:
    """Every form of the network on one catalog, ready to be timed within `limited_threads`.

    Args:
        material: the network.
        catalog: open, with vectors of its sizes.
        threads: of each.
        seed: of the camera frames.
        compiled: whether to try ``torch.compile``.
    """
    found = Contenders()
    folders = {"int8": material.quantised, "fp32": material.fp32}
    with ExitStack() as opened:
        for name, folder in folders.items():
            if folder is not None:
                network = Network.open(folder, EngineSettings(threads=threads))
                harness = opened.enter_context(StepHarness(network, catalog, seed=seed))
                found.add_bundle(name, harness)
        rule = harness.network.bundle.manifest.decision
        subject = (material.network, catalog, harness.heard, harness.frames, rule)
        for name, form in forms("cpu", compiled=compiled).items():
            found.add_torch(name, partial(TorchMatch, *subject, form=form))
        yield found


def reason(error: Exception) -> str:
    """The first line that an error of torch says for itself."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[0] if lines else type(error).__name__
