"""The real Python bindings of TensorRT on a machine with neither a GPU nor its libraries.

The wheels (about 1 MB each) come from the package index and are kept in a cache; the libraries
behind them are replaced by stubs with the few symbols that the import needs. Names, enumerations
and signatures are then the real ones; calling anything that reaches a library is meaningless.
"""

from __future__ import annotations

import os
import platform
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

WHEELS = {
    "8.6.1": "tensorrt-bindings==8.6.1",
    "10.16.1.11": "tensorrt-cu13-bindings==10.16.1.11",
    "11.4.0.106": "tensorrt-cu13-bindings==11.4.0.106",
}

_LIBRARY = re.compile(r"\bNEEDED\b.*?\b(libnv(?:infer|onnx|pars)\S*\.so\S*)")
_SYMBOL = re.compile(
    r"nvinfer|nvonnx|nvuff|nvcaffe|^createInfer|^createNv|^get(?:Plugin|Builder|Logger|Infer|Nv)"
    r"|^initLib"
)


def offered() -> list[str]:
    """Releases whose bindings exist for this interpreter and processor."""
    old = sys.version_info < (3, 12) and platform.machine() == "x86_64"
    return [version for version in WHEELS if old or not version.startswith("8.")]


def missing_tools() -> list[str]:
    """What making the stubs needs and is not installed."""
    return [tool for tool in ("gcc", "nm", "objdump") if shutil.which(tool) is None]


def bindings(version: str, folder: Path) -> dict[str, str]:
    """Make a release importable as ``tensorrt_bindings.tensorrt``.

    Args:
        version: one of `offered`.
        folder: an empty one.

    Returns:
        Environment variables for the process that imports it.
    """
    with zipfile.ZipFile(_wheel(version)) as wheel:
        for name in wheel.namelist():
            # Without the package's own __init__, which would load the missing libraries.
            if re.fullmatch(r"tensorrt_bindings/tensorrt[^/]*\.so", name):
                wheel.extract(name, folder)
    (extension,) = (folder / "tensorrt_bindings").iterdir()
    _make_stubs(extension, folder)
    return {"LD_LIBRARY_PATH": str(folder), "BINDINGS": str(folder)}


def _wheel(version: str) -> Path:
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    folder = cache / "sgmn-tests" / f"tensorrt-{version}-{sys.version_info[1]}"
    found = sorted(folder.glob("*.whl"))
    if not found:
        command = [sys.executable, "-m", "pip", "download", "--no-deps", "--only-binary=:all:"]
        command += ["--quiet", "--disable-pip-version-check", "--dest", str(folder)]
        subprocess.run([*command, WHEELS[version]], check=True, capture_output=True, text=True)
        found = sorted(folder.glob("*.whl"))
    return found[0]


def _make_stubs(extension: Path, folder: Path) -> None:
    def read(*command: str) -> str:
        done = subprocess.run(
            [*command, str(extension)], check=True, capture_output=True, text=True
        )
        return done.stdout

    wanted = {line.split()[-1].partition("@")[0] for line in read("nm", "-D", "-u").splitlines()}
    symbols = sorted(name for name in wanted if _SYMBOL.search(name))
    source = folder / "stub.c"
    for number, library in enumerate(_LIBRARY.findall(read("objdump", "-p"))):
        # All symbols in the first one.
        lines = [f"void *{name}(void) {{ return 0; }}\n" for name in symbols if number == 0]
        source.write_text("".join(lines))
        target = folder / library
        command = ["gcc", "-shared", "-fPIC", "-w", f"-Wl,-soname,{library}", "-o", str(target)]
        subprocess.run([*command, str(source)], check=True, capture_output=True)
