"""runtime <- models <- export <- calibration: no floor knows of one above it."""

from __future__ import annotations

import json
from importlib.metadata import entry_points
from pathlib import Path

import pytest

from runtime.commands.main import _OWN
from tests.runtime.imports import imported_modules
from tests.runtime.running import run_python, run_sgmn

REPOSITORY = Path(__file__).resolve().parents[2]
FLOORS = ("runtime", "models", "export", "calibration")
ABSENT_ON_KIOSKS = ("torch", "onnx", "safetensors", "scipy", "sounddevice")
HEAVY = (
    *("numpy", "cv2", "onnxruntime", "pydantic", "torch", "av", "PIL", "vosk", "tokenizers"),
    *("rapidfuzz", "jellyfish"),
)

IMPORT_EVERYTHING = """
import json, sys
from importlib import import_module
from tests.runtime.without import hide
modules, absent = json.loads(sys.argv[1])
hide(*absent)
for module in modules:
    import_module(module)
print(json.dumps(sorted({name.partition(".")[0] for name in sys.modules})))
"""

HELP = """
import json, sys
from runtime.commands.main import main
sys.argv = ["sgmn", "--help"]
try:
    main()
finally:
    print(json.dumps(sorted({name.partition(".")[0] for name in sys.modules})), file=sys.stderr)
"""


def _sources(floor: str) -> list[Path]:
    return sorted((REPOSITORY / floor).rglob("*.py"))


def _module(file: Path) -> str:
    parts = file.relative_to(REPOSITORY).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def _imports(file: Path) -> set[str]:
    source = file.read_text(encoding="utf-8")
    return imported_modules(source, _module(file), is_package=file.stem == "__init__")


def _roots(file: Path) -> set[str]:
    return {name.partition(".")[0] for name in _imports(file)}


@pytest.mark.parametrize("number", range(len(FLOORS)), ids=FLOORS)
def test_no_floor_imports_an_upper_one(number: int) -> None:
    upper = {*FLOORS[number + 1 :], "tests"}
    sources = _sources(FLOORS[number])
    assert sources
    climbing = {_module(file): sorted(found) for file in sources if (found := _roots(file) & upper)}
    assert climbing == {}


def test_the_device_names_no_training_package_anywhere() -> None:
    unwanted = set(ABSENT_ON_KIOSKS) - {"sounddevice"}
    found = {_module(file): sorted(_roots(file) & unwanted) for file in _sources("runtime")}
    assert {module for module, roots in found.items() if roots} == set()


def test_every_module_of_the_device_loads_where_nothing_of_training_is_installed() -> None:
    modules = [_module(file) for file in _sources("runtime") if file.stem != "__main__"]
    request = json.dumps([modules, ABSENT_ON_KIOSKS])
    done = run_python("-W", "error", "-c", IMPORT_EVERYTHING, request)
    assert done.returncode == 0, done.stderr
    loaded = set(json.loads(done.stdout))
    assert loaded & set(ABSENT_ON_KIOSKS) == set()
    assert loaded & set(FLOORS) == {"runtime"}


def test_help_lists_every_command_where_torch_is_not_installed() -> None:
    done = run_sgmn("--help", without=("torch", "onnx"))
    assert done.returncode == 0, done.stderr
    added = {entry.name for entry in entry_points(group="sgmn.commands")}
    assert added >= {"train", "evaluate", "export", "quantize", "calibrate"}
    commands = done.stdout.partition("Commands:")[2]
    listed = [line.split()[0] for line in commands.splitlines() if line.strip()]
    assert set(listed) == added | _OWN.keys()


def test_help_loads_nothing_heavy() -> None:
    done = run_python("-c", HELP)
    assert done.returncode == 0, done.stderr
    loaded = set(json.loads(done.stderr.splitlines()[-1]))
    assert "click" in loaded
    assert loaded & set(HEAVY) == set()


@pytest.mark.parametrize(
    ("source", "module", "name"),
    [
        ("def f():\n    import models.sgmn", "runtime.a", "models.sgmn"),
        ("if TYPE_CHECKING:\n    from models import sgmn", "runtime.a", "models.sgmn"),
        ("from .. import kiosk", "runtime.a.b", "runtime.kiosk"),
        ("from importlib import import_module\nimport_module('models.x')", "runtime.a", "models.x"),
        ("importlib.util.find_spec('torch')", "runtime.a", "torch"),
    ],
)
def test_the_scan_sees_imports_wherever_they_hide(source: str, module: str, name: str) -> None:
    assert name in imported_modules(source, module)
