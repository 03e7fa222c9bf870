"""From a bundle's folder to a network on the best engines there are."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path

from runtime.bundle.reader import open_bundle
from runtime.engines.selection import HERE, Machine, choose_engines
from runtime.engines.settings import EngineSettings
from runtime.network import Network


def open_network(
    folder: Path, settings: EngineSettings, machine: Machine = HERE, *, rebuilt: bool = False
) -> Network:
    """Verify a bundle and load its submodules as asked for.

    Args:
        folder: the bundle.
        settings: what is to run it.
        machine: on which.
        rebuilt: its TensorRT engines were built by this process just now.

    Raises:
        BundleError: the bundle is missing, damaged or of another schema version.
        GpuError: its TensorRT engines cannot be used, and nothing may take their place.
        EngineError: a submodule does not load.
    """
    if not settings.tries_engines:
        return Network.open(folder, settings)
    bundle = open_bundle(folder)
    with ExitStack() as opened:
        choice = choose_engines(bundle, settings.fallback, machine, rebuilt=rebuilt)
        if choice.engine_set is not None:
            opened.enter_context(choice.engine_set)
        network = Network.of(bundle, settings.without_engines, choice=choice)
        opened.pop_all()
    return network
