"""``sgmn build`` as a user sees it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from export.tensorrt import bundle_builder
from export.tensorrt.command import build
from runtime.bundle.manifest import SUBMODULES
from runtime.bundle.reader import Bundle
from runtime.engines.engine_files import find_engines
from runtime.engines.engine_store import fingerprint_here
from runtime.errors import BuildError, BundleError
from runtime.home import HOME_VARIABLE
from tests.docs_json import keys
from tests.export.tensorrt.conftest import ORIN, InProcess


@pytest.fixture(autouse=True)
def worker(monkeypatch: pytest.MonkeyPatch, made_up_gpu: None, tmp_path: Path) -> InProcess:
    child = InProcess()
    monkeypatch.setattr(bundle_builder, "Child", lambda: child)
    monkeypatch.setenv(HOME_VARIABLE, str(tmp_path / "home"))
    return child


def test_engines_are_built_where_a_kiosk_looks(bundle: Bundle, tmp_path: Path) -> None:
    done = CliRunner().invoke(build, [str(bundle.folder)], catch_exceptions=False)
    assert done.exit_code == 0
    assert Path(done.stdout.strip()).is_dir()
    assert "frame_encoder: built, int8" in done.stderr
    here = fingerprint_here(ORIN, "10.3.0")
    found = find_engines(bundle, tmp_path / "home" / "engines", here)
    assert set(found) == set(SUBMODULES)
    assert all(not one.changed for one in found.values())


def test_json_is_all_that_goes_to_stdout(bundle: Bundle, tmp_path: Path) -> None:
    arguments = [str(bundle.folder), "--json", "--out", str(tmp_path / "here")]
    done = CliRunner().invoke(build, arguments, catch_exceptions=False)
    told = json.loads(done.stdout)
    assert set(told) == keys("build")
    assert told["bundle"] == bundle.digest
    assert told["gpu"]["name"] == "Orin"
    assert told["folder"].startswith(str(tmp_path / "here"))
    assert [engine["submodule"] for engine in told["engines"]] == list(SUBMODULES)
    assert {engine["outcome"] for engine in told["engines"]} == {"built"}
    assert told["warnings"]


def test_options_reach_the_build(bundle: Bundle, worker: InProcess) -> None:
    worker.told = {"version": "10.13.3"}
    arguments = [str(bundle.folder), "--workspace-mib", "100"]
    with pytest.raises(BuildError, match="no kernels"):
        CliRunner().invoke(build, arguments, catch_exceptions=False)
    allowed = [*arguments, "--allow-untested"]
    assert CliRunner().invoke(build, allowed, catch_exceptions=False).exit_code == 0


def test_a_damaged_bundle_is_refused_before_anything(tmp_path: Path, worker: InProcess) -> None:
    with pytest.raises(BundleError):
        CliRunner().invoke(build, [str(tmp_path)], catch_exceptions=False)
    assert worker.jobs == []


@pytest.mark.parametrize(
    "arguments", [["--device", "-1"], ["--workspace-mib", "1"], ["--timing-cache", "/no/such"]]
)
def test_impossible_options_are_refused(arguments: list[str]) -> None:
    assert CliRunner().invoke(build, arguments).exit_code == 2
