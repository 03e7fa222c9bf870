"""What a command's output may depend on, found from its imports."""

from __future__ import annotations

import re
from importlib.metadata import entry_points

import pytest

from calibration.assembly.code import ROOT, code_of


def _names(*modules: str) -> set[str]:
    files = code_of(modules)
    assert all(file.is_file() for file in files)
    return {str(file.relative_to(ROOT)) for file in files if file.is_relative_to(ROOT)}


def test_imports_of_all_floors_count_and_nothing_else() -> None:
    found = _names("export.commands")
    assert {"export/commands.py", "models/sgmn.py", "runtime/preprocess.py"} <= found
    assert not [name for name in found if name.startswith(("runtime/kiosk", "calibration"))]


def test_what_a_function_imports_counts_as_well() -> None:
    assert {"export/precision/maker.py", "calibration/samples.py"} <= _names("calibration.commands")


def test_a_report_does_not_make_a_plan_anew() -> None:
    assert not [n for n in _names("calibration.commands") if n.startswith("calibration/report")]


def test_packages_count_by_their_version() -> None:
    told = {file.parent.name for file in code_of(["export.commands"]) if file.name == "METADATA"}
    assert {name.partition("-")[0] for name in told} >= {"numpy", "onnx", "onnxruntime", "torch"}
    assert not [name for name in told if name.startswith("sgmn")]


def test_no_module_is_no_code() -> None:
    assert code_of([]) == set()
    with pytest.raises(ImportError, match="nowhere"):
        code_of(["export.nowhere"])


def test_every_part_depends_on_the_module_of_its_command() -> None:
    rules = (ROOT / "calibration/assembly/CMakeLists.txt").read_text(encoding="utf-8")
    parts = re.findall(r"--code ([\w.]+).*?\$\{sgmn_command\} (\w+)", rules, re.DOTALL)
    assert [command for _, command in parts] == ["export", "quantize", "calibrate", "report"]
    known = {one.name: one.module for one in entry_points(group="sgmn.commands")}
    assert [module for module, _ in parts] == [known[command] for _, command in parts]
