"""The contests on a GPU: TensorRT engines against torch on the same device."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import torch

from calibration.bench.harness import StepHarness
from calibration.bench.kiosk import Contenders
from calibration.bench.submodules import add_engine, add_torch, example
from calibration.bench.torch_forms import COMPILED, CUDA_GRAPH, EAGER, forms
from calibration.bench.torch_match import TorchMatch
from models.sgmn import Sgmn
from runtime.bundle.reader import open_bundle
from runtime.catalog.catalog import CatalogReader
from runtime.engines.engine import Engine
from runtime.engines.selection import HERE, Machine, choose_engines
from runtime.errors import GpuError
from runtime.network import Network

OURS = "tensorrt"
RIVALS = (EAGER, COMPILED, CUDA_GRAPH)

RATIOS = tuple(
    (f"{work}_{OURS}_vs_{rival}", f"{rival}_{work}", f"{OURS}_{work}")
    for work in ("step", "clip")
    for rival in RIVALS
)
"""Name, slow and fast alternative."""


@dataclass(frozen=True)
class Place:
    """Where the contests are held; a test has another one.

    Attributes:
        machine: on which TensorRT runs.
        device: what torch calls its GPU.
    """

    machine: Machine = HERE
    device: str = "cuda"


@dataclass(frozen=True)
class Sides:
    """One network, open on one GPU.

    Attributes:
        network: in torch, FP32.
        runtime: on TensorRT engines.
        engines: the same engines by submodule.
        device: what torch calls the GPU.
    """

    network: Sgmn
    runtime: Network
    engines: Mapping[str, Engine]
    device: str

    @property
    def where(self) -> str:
        """GPU and versions, in words."""
        selection = self.runtime.selection
        return "" if selection is None else selection.detail


def require_gpu(place: Place) -> None:
    """See that there is a GPU that both sides can use.

    Raises:
        GpuError: there is no driver or no device, or torch cannot use it.
    """
    place.machine.ask_driver()
    if place.device == "cuda" and not torch.cuda.is_available():
        raise GpuError(
            "torch cannot use the GPU",
            reason="cuda",
            why=f"torch {torch.__version__} was built without CUDA, or for another driver",
            fix="install a torch for CUDA",
        )


@contextmanager
def open_sides(network: Sgmn, bundle: Path, place: Place) -> Iterator[Sides]:
    """Both sides; torch multiplies in TF32 meanwhile.

    Args:
        network: in torch, left where it is.
        bundle: of the same network, its engines built.
        place: with the GPU.

    Raises:
        BundleError: the bundle is missing or damaged.
        GpuError: its engines cannot be used.
    """
    opened = open_bundle(bundle)
    choice = choose_engines(opened, "forbid", place.machine)
    precision = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("high")
    try:
        with Network.of(opened, choice=choice) as runtime:
            engines = {} if choice.engine_set is None else choice.engine_set.engines
            sent = copy.deepcopy(network).to(place.device)
            yield Sides(sent, runtime, engines, place.device)
    finally:
        torch.set_float32_matmul_precision(precision)


@contextmanager
def kiosk(
    sides: Sides, catalog: CatalogReader, *, seed: int, compiled: bool
) -> Iterator[Contenders]:
    """A kiosk's work on one catalog, ready to be timed.

    Args:
        sides: open, and left so.
        catalog: open, with vectors of the network's sizes.
        seed: of the camera frames.
        compiled: whether to try ``torch.compile``.
    """
    found = Contenders()
    harness = StepHarness(sides.runtime, catalog, seed=seed)
    found.add_bundle(OURS, harness)
    rule = sides.runtime.bundle.manifest.decision
    subject = (sides.network, catalog, harness.heard, harness.frames, rule)
    for name, form in forms(sides.device, compiled=compiled).items():
        found.add_torch(name, partial(TorchMatch, *subject, device=sides.device, form=form))
    yield found


@contextmanager
def submodule(sides: Sides, name: str, *, seed: int, compiled: bool) -> Iterator[Contenders]:
    """One submodule, ready to be timed.

    Args:
        sides: open, and left so.
        name: of the submodule.
        seed: of the inputs.
        compiled: whether to try ``torch.compile``.
    """
    module, inputs = example(sides.network, name, seed)
    found = Contenders()
    add_engine(found, OURS, sides.engines[name], inputs)
    add_torch(found, module, inputs, sides.device, compiled=compiled)
    yield found
