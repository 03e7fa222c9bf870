"""The real Python bindings of CUDA, calling a driver library that is built here."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from runtime.engines.cuda import ask_driver, installed_cuda
from runtime.errors import GpuError

HERE = Path(__file__).parent
REPOSITORY = HERE.parents[2]
MIB = 1 << 20


def _spec(module: str) -> bool:
    try:
        return find_spec(module) is not None
    except ModuleNotFoundError:
        return False


BINDINGS = [
    pytest.param(
        "cuda-python",
        marks=pytest.mark.skipif(
            not (_spec("cuda.bindings.driver") or _spec("cuda.cuda")),
            reason="cuda-python is not installed",
        ),
    ),
    # Marked as if it needed a GPU: it can be built only where there is a CUDA toolkit.
    pytest.param(
        "pycuda",
        marks=[
            pytest.mark.gpu,
            pytest.mark.skipif(not _spec("pycuda"), reason="pycuda is not installed"),
        ],
    ),
]


@pytest.fixture(scope="module")
def driver(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a libcuda.so.1 in which calls that nobody needs fail."""
    compiler = shutil.which("gcc") or shutil.which("cc")
    if compiler is None:
        pytest.skip("no C compiler")
    folder = tmp_path_factory.mktemp("driver")
    library = folder / "libcuda.so.1"
    (folder / "others.c").write_text("".join(f"int {n}(void){{return 801;}}\n" for n in _others()))
    command = [compiler, "-shared", "-fPIC", "-Wl,-soname,libcuda.so.1", "-o", str(library)]
    sources = [str(HERE / "fake_libcuda.c"), str(folder / "others.c"), "-ldl"]
    subprocess.run([*command, *sources], check=True)
    return folder


def _others() -> list[str]:
    """What pycuda links to and the fake does not have."""
    package = find_spec("pycuda")
    if package is None:
        return []
    (folder,) = package.submodule_search_locations or []
    (extension,) = Path(folder).glob("_driver*.so")
    listed = subprocess.run(
        ["nm", "-D", "--undefined-only", str(extension)], check=True, capture_output=True, text=True
    ).stdout
    wanted = {line.split()[-1].partition("@")[0] for line in listed.splitlines()}
    here = (HERE / "fake_libcuda.c").read_text(encoding="utf-8")
    return sorted(n for n in wanted if n.startswith("cu") and f" {n}(" not in here)


def _run(driver: Path, binding: str, job: str, **environment: str) -> dict[str, Any]:
    done = subprocess.run(
        [sys.executable, "-m", "tests.runtime.engines.exercise_cuda", binding, job],
        cwd=REPOSITORY,
        env={**os.environ, "LD_LIBRARY_PATH": str(driver), **environment},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    # pycuda tells on stderr what went wrong while it cleaned up.
    assert "PyCUDA WARNING" not in done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


@pytest.mark.parametrize("binding", BINDINGS)
def test_bytes_travel_and_nothing_stays_behind(driver: Path, binding: str) -> None:
    found = _run(driver, binding, "copies")
    wanted = [*range(8), 7, 7, 7, 7, *range(12, 32)]
    assert found["back"][:32] == wanted
    assert found["back"][32:] != list(range(32, 64)), "only the part that was asked for"
    assert found["elapsed"] == 1.5
    assert found["all"] == [1 << 30, 1 << 30]
    assert found["used"] == [(1 << 30) - 128, 1 << 30]
    assert found["during"] == [2, 2, 1, 2, 0, 1]
    assert found["after"] == [0] * 6
    assert found["name"].startswith(binding)


@pytest.mark.parametrize("binding", BINDINGS[:1])
def test_a_graph_does_its_work_at_each_launch(driver: Path, binding: str) -> None:
    found = _run(driver, binding, "graph")
    assert found["seen"] == [[0] * 4, [5] * 4, [6] * 4]
    assert found["after"] == [0] * 6


@pytest.mark.parametrize("binding", BINDINGS)
@pytest.mark.parametrize(
    ("faults", "reason", "said"),
    [
        ({"FAKE_CUDA_INIT": "100"}, "no-device", "cuInit: CUDA_ERROR_NO_DEVICE"),
        ({"FAKE_CUDA_INIT": "803"}, "no-driver", "CUDA_ERROR_SYSTEM_DRIVER_MISMATCH"),
        ({"FAKE_CUDA_INIT": "999"}, "no-driver", "CUDA_ERROR_UNKNOWN"),
        ({"FAKE_CUDA_INIT": "2"}, "out-of-memory", "CUDA_ERROR_OUT_OF_MEMORY"),
        ({"FAKE_CUDA_INIT": "777"}, "cuda", "cuInit: CUDA error 777"),
        ({"FAKE_CUDA_DEVICES": "0"}, "no-device", "cuDeviceGetCount"),
        ({"FAKE_CUDA_FAIL": "cuDevicePrimaryCtxRetain:2"}, "out-of-memory", "PrimaryCtxRetain"),
        ({"FAKE_CUDA_MEMORY": "1000"}, "out-of-memory", "cuMemAlloc"),
        ({"FAKE_CUDA_FAIL": "cuStreamCreate:999"}, "cuda", "cuStreamCreate"),
        ({}, "cuda", "cuMemcpyDtoDAsync"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_every_failure_has_its_reason(
    driver: Path, binding: str, faults: dict[str, str], reason: str, said: str
) -> None:
    found = _run(driver, binding, "failing", **faults)
    assert found["reason"] == reason
    assert said in found["why"]
    assert found["fix"]


@pytest.mark.parametrize("binding", BINDINGS[:1])
def test_a_driver_older_than_the_binding_is_told(driver: Path, binding: str) -> None:
    found = _run(driver, binding, "failing", FAKE_CUDA_LACKS="cuMemcpyDtoDAsync")
    assert found["reason"] == "no-driver"
    assert "cuMemcpyDtoDAsync" in found["why"]
    assert "update" in found["fix"]


def test_a_machine_without_a_driver_says_so() -> None:
    """Really asked where there is none; elsewhere a name that no library has."""
    with pytest.raises(GpuError) as caught:
        ask_driver(library="libcuda-of-nobody.so.1")
    assert caught.value.reason == "no-driver"
    assert "libcuda-of-nobody" in caught.value.why


def test_a_library_that_is_no_driver_is_no_driver() -> None:
    with pytest.raises(GpuError, match="has no cuInit") as caught:
        ask_driver(library="libc.so.6")
    assert caught.value.reason == "no-driver"


def test_without_a_binding_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("runtime.engines.cuda.installed._is_there", lambda module: False)
    with pytest.raises(GpuError, match=r"sgmn-edge\[tensorrt\]") as caught:
        installed_cuda()
    assert caught.value.reason == "no-cuda"


@pytest.mark.parametrize(
    ("there", "kind"),
    [
        ({"cuda.bindings.driver", "pycuda.driver"}, "CudaPython"),
        ({"cuda.cuda"}, "CudaPython"),
        ({"pycuda.driver"}, "PyCuda"),
    ],
)
def test_the_binding_that_captures_comes_first(
    monkeypatch: pytest.MonkeyPatch, there: set[str], kind: str
) -> None:
    monkeypatch.setattr("runtime.engines.cuda.installed._is_there", lambda module: module in there)
    assert type(installed_cuda()).__name__ == kind
