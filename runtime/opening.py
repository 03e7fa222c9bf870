"""From a bundle's folder to a network on the best engines there are."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path

from runtime.bundle.reader import open_bundle
from runtime.engines.selection import HERE, Fallback, Machine, choose_engines
from runtime.network import Network


def open_network(
    folder: Path,
    fallback: Fallback = "allow",
    machine: Machine = HERE,
    *,
    rebuilt: bool = False,
) -> Network:
    """Verify a bundle and load its submodules: on TensorRT, else with ONNX Runtime.

    Args:
        folder: the bundle.
        fallback: whether ONNX Runtime may take the place of TensorRT.
        machine: on which.
        rebuilt: its engines were built by this process just now.

    Raises:
        BundleError: the bundle is missing, damaged or of another schema version.
        GpuError: TensorRT cannot be used, and nothing may take its place.
        EngineError: a submodule does not load.
    """
    bundle = open_bundle(folder)
    with ExitStack() as opened:
        choice = choose_engines(bundle, fallback, machine, rebuilt=rebuilt)
        if choice.engine_set is not None:
            opened.enter_context(choice.engine_set)
        network = Network.of(bundle, choice=choice)
        opened.pop_all()
    return network
