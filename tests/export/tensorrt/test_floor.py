"""What builds engines runs on a device: without torch, onnx and all that trains."""

from __future__ import annotations

import json
import re

from export.tensorrt.versions import SUPPORTED
from tests.conftest import REPOSITORY
from tests.runtime.running import run_python

ABSENT = ("torch", "onnx", "tensorrt", "cuda", "pycuda", "models", "calibration", "safetensors")

IMPORT_ALL = """
import json, sys
from importlib import import_module
from tests.runtime.without import hide
modules, absent = json.loads(sys.argv[1])
hide(*absent)
for module in modules:
    import_module(module)
print(json.dumps(sorted({name.partition(".")[0] for name in sys.modules})))
"""


def _modules() -> list[str]:
    files = sorted((REPOSITORY / "export" / "tensorrt").rglob("*.py"))
    names = [file.relative_to(REPOSITORY).with_suffix("").as_posix() for file in files]
    return [name.replace("/", ".").removesuffix(".__init__") for name in names]


def test_every_module_loads_on_a_device() -> None:
    modules = _modules()
    assert "export.tensorrt.worker" in modules
    assert "export.tensorrt.adapters.tensorrt8" in modules
    done = run_python("-W", "error", "-c", IMPORT_ALL, json.dumps([modules, ABSENT]))
    assert done.returncode == 0, done.stderr
    assert set(json.loads(done.stdout)) & set(ABSENT) == set()


def test_only_the_runtime_s_own_loader_imports_tensorrt() -> None:
    """The parent process of a build, and a kiosk, must not come to it by accident."""
    pattern = re.compile(r"^\s*(?:import|from) tensorrt\b", re.MULTILINE)
    for floor in ("runtime", "export", "models", "calibration"):
        for file in (REPOSITORY / floor).rglob("*.py"):
            assert not pattern.search(file.read_text(encoding="utf-8")), file


def test_the_extra_has_the_bounds_that_are_supported() -> None:
    text = (REPOSITORY / "pyproject.toml").read_text(encoding="utf-8")
    (bounds,) = re.findall(r'^tensorrt = \["tensorrt([^"]*)"', text, re.MULTILINE)
    least = ".".join(map(str, SUPPORTED[0][0]))
    assert bounds == f">={least},!=9.*,<{SUPPORTED[-1][1][0]}"
