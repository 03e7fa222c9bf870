"""The five submodules one by one, on the inputs that the contract states."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path

import torch
from torch import Tensor

from calibration.bench.alternative import Call
from calibration.bench.kiosk import Contenders
from calibration.bench.material import Material
from calibration.bench.torch_forms import COMPILED, EAGER, Forward, forms
from export.submodules import parts
from models.sgmn import Sgmn
from runtime.bundle.reader import open_bundle
from runtime.engines.engine import Engine
from runtime.engines.onnxruntime_engine import OnnxRuntimeEngine
from runtime.engines.opening import onnxruntime_engine
from runtime.engines.settings import EngineSettings

SIZES = {"N": 1, "L": 12}
"""One picture, one item, a sentence of twelve tokens."""

REPEATS = 3
RIVALS = ("fp32", EAGER, COMPILED)


@contextmanager
def submodule(
    material: Material, name: str, *, threads: int, seed: int, compiled: bool
) -> Iterator[Contenders]:
    """Every form of one submodule, ready to be timed within `limited_threads`.

    Args:
        material: the network.
        name: of the submodule.
        threads: of each.
        seed: of the inputs.
        compiled: whether to try ``torch.compile``.
    """
    module, inputs = example(material.network, name, seed)
    found = Contenders()
    with ExitStack() as opened:
        for form, folder in (("int8", material.quantised), ("fp32", material.fp32)):
            if folder is not None:
                engine = opened.enter_context(open_engine(folder, name, threads))
                add_engine(found, form, engine, inputs)
        add_torch(found, module, inputs, "cpu", compiled=compiled)
        yield found


def example(network: Sgmn, name: str, seed: int) -> tuple[Forward, dict[str, Tensor]]:
    """A submodule in torch, and inputs for it by name, in the order of its arguments."""
    part = next(one for one in parts(network) if one.name == name)
    generator = torch.Generator().manual_seed(seed)
    return part.module, {port.name: port.example(SIZES, generator) for port in part.inputs}


def add_engine(found: Contenders, name: str, engine: Engine, inputs: Mapping[str, Tensor]) -> None:
    """A submodule in an engine; on a GPU the way there and back is included."""
    feeds = {port: one.numpy() for port, one in inputs.items()}
    found.alternatives.append(Call(name, lambda _: engine.run(feeds), REPEATS))


def add_torch(
    found: Contenders,
    module: Forward,
    inputs: Mapping[str, Tensor],
    device: str,
    *,
    compiled: bool,
) -> None:
    """A submodule in every form of torch; on a GPU the way there and back is included."""
    for name, form in forms(device, compiled=compiled).items():
        with found.refusing(name):
            call = _calling(form(module), list(inputs.values()), device)
            call(0)
            found.alternatives.append(Call(name, call, REPEATS))


def open_engine(folder: Path, name: str, threads: int) -> OnnxRuntimeEngine:
    """One submodule of a verified bundle, to be opened by its ``with`` block.

    Raises:
        BundleError: the bundle is missing or damaged.
    """
    return onnxruntime_engine(open_bundle(folder), name, EngineSettings(threads=threads))


def _calling(call: Forward, inputs: list[Tensor], device: str) -> Callable[[int], object]:
    @torch.inference_mode()
    def run(_: int) -> object:
        found = call(*(one.to(device) for one in inputs))
        return tuple(one.cpu() for one in found) if isinstance(found, tuple) else found.cpu()

    return run
