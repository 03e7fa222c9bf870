"""The computer: interpreter, packages, processor, memory, GPU, folders, port."""

from __future__ import annotations

import os
import shutil
import socket
import sys
import tempfile
from collections.abc import Iterator
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

from runtime import machine
from runtime.doctor.finding import Finding, Status

OLDEST_PYTHON = (3, 10)
LEAST_MEMORY_BYTES = 1 << 30
LEAST_DISK_BYTES = 1 << 30

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
