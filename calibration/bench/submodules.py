"""The five submodules one by one, on the inputs that the contract states."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import numpy.typing as npt
import torch
from torch import Tensor

from calibration.bench.alternative import Call
from calibration.bench.kiosk import Contenders, reason
from calibration.bench.material import Material
from export.submodules import Part, parts
from runtime.bundle.reader import open_bundle
from runtime.engines.engine import Engine
from runtime.engines.onnxruntime_engine import OnnxRuntimeEngine
from runtime.engines.opening import onnxruntime_engine
from runtime.engines.settings import EngineSettings

Feeds = Mapping[str, npt.NDArray[Any]]

SIZES = {"N": 1, "L": 12}
"""One picture, one item, a sentence of twelve tokens."""

REPEATS = 3
RIVALS = ("fp32", "torch_eager", "torch_compile")


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
    part = next(one for one in parts(material.network) if one.name == name)
    generator = torch.Generator().manual_seed(seed)
    inputs = [port.example(SIZES, generator) for port in part.inputs]
    feeds = {port.name: one.numpy() for port, one in zip(part.inputs, inputs, strict=True)}
    found = Contenders()
    with ExitStack() as opened:
        for form, folder in (("int8", material.quantised), ("fp32", material.fp32)):
            if folder is not None:
                engine = opened.enter_context(open_engine(folder, name, threads))
                found.alternatives.append(Call(form, _running(engine, feeds), REPEATS))
        found.alternatives.append(Call("torch_eager", _calling(part.module, inputs), REPEATS))
        if compiled:
            _add_compiled(found, part, inputs)
        yield found


def open_engine(folder: Path, name: str, threads: int) -> OnnxRuntimeEngine:
    """One submodule of a verified bundle, to be opened by its ``with`` block.

    Raises:
        BundleError: the bundle is missing or damaged.
    """
    return onnxruntime_engine(open_bundle(folder), name, EngineSettings(threads=threads))


def _running(engine: Engine, feeds: Feeds) -> Callable[[int], object]:
    return lambda _: engine.run(feeds)


def _calling(module: Callable[..., object], inputs: list[Tensor]) -> Callable[[int], object]:
    @torch.inference_mode()
    def call(_: int) -> object:
        return module(*inputs)

    return call


def _add_compiled(found: Contenders, part: Part, inputs: list[Tensor]) -> None:
    begun = time.perf_counter()
    try:
        call = _calling(torch.compile(part.module, dynamic=False), inputs)
        call(0)
    except RuntimeError as error:
        found.refused = reason(error)
    else:
        found.compile_s = time.perf_counter() - begun
        found.alternatives.append(Call("torch_compile", call, REPEATS))
