"""Looks for what would keep a kiosk from working, and says how to mend it."""

from __future__ import annotations

import os
import shutil
import socket
import sys
import tempfile
from collections.abc import Callable, Iterator
from ctypes.util import find_library
from dataclasses import asdict, dataclass
from functools import partial
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from runtime import machine
from runtime.engines.settings import AUTO, ON_PROCESSOR, EngineSettings
from runtime.errors import SgmnError

if TYPE_CHECKING:
    from runtime.bundle.reader import Bundle
    from runtime.engines.selection import Selection

Status = Literal["ok", "warn", "fail"]

OLDEST_PYTHON = (3, 10)
LEAST_MEMORY_BYTES = 1 << 30
LEAST_DISK_BYTES = 1 << 30
HOST = "127.0.0.1"
PORT = 8080

PACKAGES: dict[str, tuple[str, ...]] = {
    "runtime": ("sgmn-edge",),
    "numpy": ("numpy",),
    "onnxruntime": ("onnxruntime", "onnxruntime-gpu"),
    "cv2": ("opencv-python-headless", "opencv-python", "opencv-contrib-python-headless"),
    "PIL": ("pillow",),
    "av": ("av",),
    "vosk": ("vosk",),
    "pydantic": ("pydantic",),
    "cryptography": ("cryptography",),
    "tokenizers": ("tokenizers",),
    "rapidfuzz": ("rapidfuzz",),
    "jellyfish": ("jellyfish",),
    "starlette": ("starlette",),
    "uvicorn": ("uvicorn",),
}
"""Modules the kiosk imports and the distributions that may bring them."""


@dataclass(frozen=True)
class Finding:
    """The outcome of one check.

    Attributes:
        check: its name.
        status: ok, warn (works, but not as well as it could) or fail.
        detail: what was found.
        fix: what to do about it; None if there is nothing to do.
        code: of the engines, the outcome for programs, e.g. ``fallback:no-driver``.
    """

    check: str
    status: Status
    detail: str
    fix: str | None = None
    code: str | None = None

    def as_dict(self) -> dict[str, Any]:
        """JSON-ready fields."""
        return asdict(self)


Check = Callable[[], Iterator[Finding]]


def examine(
    bundle: Path,
    speech_model: Path | None = None,
    engine: EngineSettings = AUTO,
    *,
    host: str = HOST,
    port: int = PORT,
) -> list[Finding]:
    """Run every check; one that breaks is itself a finding and hides no other.

    Args:
        bundle: folder of the network bundle.
        speech_model: folder of a Vosk model; None for the default one.
        engine: what is to run the network.
        host: address the kiosk page listens on.
        port: its port.
    """
    checks: dict[str, Check] = {
        "python": check_python,
        "packages": check_packages,
        "processor": check_processor,
        "memory": check_memory,
        "gpu": check_gpu,
        "onnxruntime": partial(check_onnxruntime, engine),
        "bundle": partial(check_bundle, bundle, engine),
        "speech": partial(check_speech, speech_model),
        "microphone": check_microphone,
        "folders": check_folders,
        "port": partial(check_port, host, port),
    }
    return [finding for name, check in checks.items() for finding in guarded(name, check)]


def healthy(findings: list[Finding]) -> bool:
    """Whether nothing failed; warnings are allowed."""
    return all(finding.status != "fail" for finding in findings)


def guarded(name: str, check: Check) -> list[Finding]:
    """The findings of a check; those made before it broke are kept."""
    found: list[Finding] = []
    try:
        found.extend(check())
    except SgmnError as error:
        found.append(Finding(name, "fail", f"{error.what}: {error.why}", error.fix))
    # The one place where any exception may end: it becomes a finding beside all the others.
    except Exception as error:  # noqa: BLE001
        detail = f"the check itself broke ({type(error).__name__}: {error})"
        found.append(Finding(name, "fail", detail, "report this with the output of --json"))
    return found


def check_python() -> Iterator[Finding]:
    """The interpreter is new enough."""
    version = ".".join(map(str, sys.version_info[:3]))
    if sys.version_info[:2] >= OLDEST_PYTHON:
        yield Finding("python", "ok", version)
    else:
        yield Finding("python", "fail", f"{version} is too old", "install Python 3.10 or newer")


def check_packages() -> Iterator[Finding]:
    """Every package the kiosk needs is installed and its libraries load."""
    for module, names in PACKAGES.items():
        version = machine.package_version(*names)
        try:
            import_module(module)
        # OSError: the package is there but a shared library it loads is not.
        except (ImportError, OSError) as error:
            install = f"pip install --force-reinstall {names[0]}"
            yield Finding(names[0], "fail", f"cannot be loaded: {error}", install)
        else:
            yield Finding(names[0], "ok", version or "version unknown")


def check_processor() -> Iterator[Finding]:
    """Model, cores, and what INT8 means on it."""
    cpu = machine.cpu()
    yield Finding("processor", "ok", f"{cpu.model}, {cpu.cores} cores for this process")
    yield int8_finding(cpu.features)


def int8_finding(features: frozenset[str]) -> Finding:
    """What the kernel's CPU flags say of INT8 bundles. Source: ONNX Runtime, quantization guide."""
    dot_products = sorted(features & {"avx512_vnni", "avx_vnni", "asimddp", "i8mm"})
    if dot_products:
        detail = f"{', '.join(dot_products)}: INT8 dot products in hardware; an INT8 bundle can pay"
        return Finding("int8", "ok", detail)
    if "avx2" in features:
        detail = "AVX2 without VNNI: INT8 bundles run; their weights keep its sums from saturating"
        return Finding("int8", "ok", detail)
    if "asimd" in features:
        detail = "NEON without dot products: INT8 is seldom faster than FP32"
        return Finding("int8", "ok", detail, "prefer an FP32 bundle; measure before choosing INT8")
    detail = "neither AVX2 nor NEON: every bundle will be slow"
    return Finding("int8", "warn", detail, "use a processor of 2015 or newer")


def check_memory() -> Iterator[Finding]:
    """Enough memory is available."""
    total, available = machine.memory_bytes()
    detail = f"{_gib(available)} available of {_gib(total)}"
    if available < LEAST_MEMORY_BYTES:
        yield Finding("memory", "warn", detail, "close other programs; 1 GiB should be available")
    else:
        yield Finding("memory", "ok", detail)


def check_gpu() -> Iterator[Finding]:
    """NVIDIA GPU and TensorRT, without loading either: TensorRT without a driver can crash."""
    found = machine.gpus()
    yield Finding("gpu", "ok", "; ".join(found) or "none; the processor runs the network")
    if found and find_spec("tensorrt") is None:
        fix = "install NVIDIA TensorRT; a Jetson has it from JetPack"
        yield Finding("tensorrt", "warn", "not installed; its engines cannot be used", fix)
    elif found:
        yield Finding("tensorrt", "ok", machine.package_version("tensorrt") or "installed")


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


def check_speech(asked: Path | None) -> Iterator[Finding]:
    """There is a Vosk model, and it loads."""
    from runtime.speech.child import VoskRecognizer
    from runtime.speech.model import MODEL_VARIABLE, find_model

    model = find_model(asked)
    if model is None:
        fix = f"give --speech-model DIR or set {MODEL_VARIABLE}"
        yield Finding("speech", "warn", "no Vosk model; pictures alone decide", fix)
        return
    recognizer = VoskRecognizer(model)
    try:
        recognizer.open()
    finally:
        recognizer.close()
    yield Finding("speech", "ok", f"Vosk model in {model}")


def check_microphone() -> Iterator[Finding]:
    """What a live microphone needs; clips and the demo do without."""
    if find_library("portaudio") is None:
        fix = "apt install libportaudio2, or your system's PortAudio"
        yield Finding("portaudio", "warn", "not installed; no live microphone", fix)
    else:
        yield Finding("portaudio", "ok", "installed")
    if find_spec("sounddevice") is None:
        fix = "pip install 'sgmn-edge[kiosk]'"
        yield Finding("sounddevice", "warn", "not installed; no live microphone", fix)
    else:
        yield Finding("sounddevice", "ok", machine.package_version("sounddevice") or "installed")


def check_folders() -> Iterator[Finding]:
    """Files can be made in the usual places, and the disk is not full."""
    yield writable_finding("temporary folder", Path(tempfile.gettempdir()), "set TMPDIR")
    # Needed only for catalogs and bundles that are given by relative paths.
    yield writable_finding("working folder", Path(), "start from a folder you may write", "warn")


def writable_finding(check: str, folder: Path, fix: str, otherwise: Status = "fail") -> Finding:
    """Whether a file can be made in a folder that has room; ``otherwise`` where it cannot."""
    try:
        with tempfile.TemporaryFile(dir=folder) as file:
            file.write(b"\0")
        free = shutil.disk_usage(folder).free
    except OSError as error:
        why = os.strerror(error.errno) if error.errno else str(error)
        return Finding(check, otherwise, f"{folder} cannot be written: {why}", fix)
    detail = f"{folder.absolute()} is writable, {_gib(free)} free"
    if free < LEAST_DISK_BYTES:
        return Finding(check, "warn", detail, "free some space; 1 GiB should be free")
    return Finding(check, "ok", detail)


def check_port(host: str, port: int) -> Iterator[Finding]:
    """The kiosk page can listen."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            fix = "stop the program that uses it, or start the kiosk with another --port"
            yield Finding("port", "warn", f"{host}:{port} cannot be used: {error.strerror}", fix)
            return
    yield Finding("port", "ok", f"{host}:{port} is free")


def _gib(size: int) -> str:
    return f"{size / (1 << 30):.1f} GiB"
