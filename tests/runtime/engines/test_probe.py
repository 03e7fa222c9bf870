"""What this very machine answers, in processes of their own and through the commands."""

from __future__ import annotations

import ctypes
import json
from pathlib import Path

import pytest

from runtime.bundle.reader import Bundle
from runtime.doctor.finding import guarded
from runtime.doctor.network import check_bundle, engines_finding
from runtime.engines.probe import probe
from runtime.engines.selection import Selection
from runtime.engines.settings import AUTO
from tests.runtime.engines.gpu_machine import doubling_bundle, with_graphs
from tests.runtime.running import run_sgmn

pytest.importorskip("onnx")


def _has_driver() -> bool:
    try:
        ctypes.CDLL("libcuda.so.1")
    except OSError:
        return False
    return True


without_driver = pytest.mark.skipif(_has_driver(), reason="there is an NVIDIA driver here")


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    return doubling_bundle(tmp_path_factory.mktemp("probe") / "bundle")


@pytest.fixture(autouse=True)
def own_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SGMN_HOME", str(tmp_path / "home"))


@pytest.mark.gpu
@without_driver
def test_a_machine_without_a_driver_says_so(bundle: Bundle) -> None:
    found = probe(bundle.folder, "allow")
    assert found.label == "fallback:no-driver"
    assert "libcuda.so.1" in found.detail
    refused = probe(bundle.folder, "forbid")
    assert refused.label == "refused:no-driver"


def test_a_bundle_for_the_processor_needs_no_driver(bundle_folder: Path) -> None:
    assert probe(bundle_folder, "allow").label == "fallback:no-graphs"


def test_a_relative_home_is_that_of_this_process(
    bundle: Bundle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Through a stand-in for Python that says where it looks."""
    (tmp_path / "python").write_text("#!/bin/sh\necho $SGMN_HOME >&2; exit 3\n")
    (tmp_path / "python").chmod(0o755)
    monkeypatch.setattr("sys.executable", str(tmp_path / "python"))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SGMN_HOME", "kept")
    assert f"({tmp_path / 'kept'})" in probe(bundle.folder, "allow").detail


def test_a_crash_takes_only_its_process(
    bundle: Bundle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Through a stand-in for Python that dies of SIGSEGV, as TensorRT without a driver would."""
    program = tmp_path / "python"
    monkeypatch.setattr("sys.executable", str(program))
    for script, said in (
        ("kill -SEGV $$", "crashed (SIGSEGV)"),
        ("echo something else >&2; exit 3", "broke off (something else)"),
        ("exit 0", "broke off (without a word)"),
    ):
        program.write_text(f"#!/bin/sh\n{script}\n")
        program.chmod(0o755)
        found = probe(bundle.folder, "allow")
        assert found.label == "refused:tensorrt"
        assert said in found.detail
        assert found.fix


@pytest.mark.parametrize(
    ("selection", "has_gpu", "status"),
    [
        (Selection("tensorrt", None, "H1"), True, "ok"),
        (Selection("tensorrt", None, "H1", None, ("driver 1, here is 2",)), True, "warn"),
        (Selection("fallback", "no-graphs", "d", "f"), True, "ok"),
        (Selection("fallback", "no-driver", "d", "f"), False, "ok"),
        (Selection("fallback", "no-driver", "d", "f"), True, "warn"),
        (Selection("fallback", "crash-loop", "d", "f"), True, "warn"),
        (Selection("refused", "gpu", "d", "f"), True, "fail"),
        (Selection("refused", "no-driver", "d", "f"), False, "fail"),
    ],
    ids=lambda value: getattr(value, "label", str(value)),
)
def test_doctor_judges_by_what_could_be(selection: Selection, has_gpu: bool, status: str) -> None:
    finding = engines_finding(selection, has_gpu=has_gpu)
    assert (finding.check, finding.status) == ("engines", status)
    assert finding.detail.startswith(selection.label)
    assert all(text in finding.detail for text in selection.warnings)
    assert finding.fix == (selection.fix if has_gpu or status == "fail" else None)
    assert finding.code == selection.label


@without_driver
@pytest.mark.gpu
def test_a_network_that_does_not_load_hides_no_engines(bundle: Bundle) -> None:
    """The bundle's tokenizer is none; its graphs are those of another network."""
    found = {
        finding.check: finding
        for finding in guarded("x", lambda: check_bundle(bundle.folder, AUTO))
    }
    assert [found[name].status for name in ("bundle", "network", "engines")] == ["ok", "fail", "ok"]
    assert found["engines"].code == "fallback:no-driver"


@pytest.fixture(scope="module")
def full_bundle(bundle_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    return with_graphs(bundle_folder, tmp_path_factory.mktemp("full") / "bundle")


@without_driver
@pytest.mark.gpu
def test_a_command_that_may_not_fall_back_ends_with_the_reason(
    full_bundle: Bundle, catalog_folder: Path, clip: Path
) -> None:
    asked = ["match", str(clip), "--catalog", str(catalog_folder), "--no-speech", "--json"]
    done = run_sgmn(*asked, "--bundle", str(full_bundle.folder), "--fallback", "forbid")
    assert done.returncode == 6
    error = json.loads(done.stderr.splitlines()[-1])["error"]
    assert error["code"] == "gpu"
    assert error["what"].startswith("refused:no-driver")
    assert done.stdout == ""


@without_driver
@pytest.mark.gpu
def test_the_variable_forbids_as_the_option_does(
    full_bundle: Bundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SGMN_FALLBACK", "forbid")
    done = run_sgmn("doctor", "--bundle", str(full_bundle.folder), "--clear-crashes", "--json")
    assert done.returncode == 1
    found = {f["check"]: f for f in json.loads(done.stdout)["findings"]}
    assert found["engines"]["status"] == "fail"
    assert found["engines"]["detail"].startswith("refused:no-driver")
    assert found["engines"]["code"] == "refused:no-driver"
    assert found["network"]["code"] is None
    assert "Forgot 0 crashes in " in done.stderr


def test_match_tells_what_ran(catalog_folder: Path, clip: Path) -> None:
    asked = ["match", str(clip), "--catalog", str(catalog_folder), "--no-speech", "--json"]
    done = run_sgmn(*asked)
    assert done.returncode == 0, done.stderr
    engines = json.loads(done.stdout)["engines"]
    assert engines["label"] == "fallback:no-graphs"
    assert engines["providers"] == ["onnxruntime:CPUExecutionProvider"]
