"""The network: its bundle and what runs it."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from runtime import machine
from runtime.doctor.finding import Finding, Status, guarded
from runtime.engines.settings import ON_PROCESSOR, EngineSettings

if TYPE_CHECKING:
    from runtime.bundle.reader import Bundle
    from runtime.engines.selection import Selection


def check_onnxruntime(engine: EngineSettings = ON_PROCESSOR) -> Iterator[Finding]:
    """The execution providers that could be used, and whether the one asked for is among them."""
    import onnxruntime

    from runtime.engines.sessions import CPU, NAMES

    available = onnxruntime.get_available_providers()
    asked = NAMES[engine.without_engines.provider]
    if asked != CPU and asked not in available:
        fix = "install onnxruntime-gpu in place of onnxruntime, or take --provider cpu"
        yield Finding("providers", "fail", f"{asked} is not among {available}", fix)
    elif CPU in available:
        yield Finding("providers", "ok", f"installed: {', '.join(available)}")
    else:
        install = "pip install --force-reinstall onnxruntime"
        yield Finding("providers", "fail", f"{CPU} is not among {available}", install)


def check_bundle(folder: Path, engine: EngineSettings = ON_PROCESSOR) -> Iterator[Finding]:
    """Every byte of the bundle is what its manifest says; then what runs it."""
    from runtime.bundle.reader import open_bundle

    bundle = open_bundle(folder)
    about = bundle.manifest
    detail = f"{about.name} {about.version}, {about.precision}, sha256 {bundle.digest} in {folder}"
    yield Finding("bundle", "ok", detail)
    yield from guarded("network", partial(check_network, bundle, engine))
    if engine.tries_engines:
        yield from guarded("engines", partial(check_engines, bundle, engine))


def check_network(bundle: Bundle, engine: EngineSettings) -> Iterator[Finding]:
    """The bundle's submodules load in ONNX Runtime, and on what."""
    from runtime.network import Network

    with Network.of(bundle, engine.without_engines) as network:
        used = sorted(set(network.providers.values()))
        yield Finding("network", "ok", f"{len(network.providers)} submodules on {', '.join(used)}")


def check_engines(bundle: Bundle, engine: EngineSettings) -> Iterator[Finding]:
    """Whether TensorRT engines would run the bundle."""
    from runtime.engines.probe import probe

    yield engines_finding(probe(bundle.folder, engine.fallback), has_gpu=bool(machine.gpus()))


def engines_finding(selection: Selection, *, has_gpu: bool) -> Finding:
    """Whether TensorRT engines run the network, and whether they could."""
    status = _engines_status(selection, has_gpu=has_gpu)
    # Without a GPU there is nothing to mend, unless the engines were asked for.
    fix = selection.fix if has_gpu or status == "fail" else None
    return Finding("engines", status, selection.sentence, fix, selection.label)


def _engines_status(selection: Selection, *, has_gpu: bool) -> Status:
    if selection.outcome == "refused":
        return "fail"
    # A bundle for the processor, or a machine without a GPU, does what it is meant to.
    if selection.outcome == "fallback" and (selection.reason == "no-graphs" or not has_gpu):
        return "ok"
    return "warn" if selection.outcome == "fallback" or selection.warnings else "ok"
