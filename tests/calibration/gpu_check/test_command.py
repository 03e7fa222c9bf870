"""``sgmn gpu-check`` from end to end: on a made-up GPU, and on this machine as it is."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from calibration.gpu_check import check, command, runner
from calibration.gpu_check.command import gpu_check
from calibration.gpu_check.job import Job
from calibration.gpu_check.outcome import Outcome
from calibration.gpu_check.section import SMALLEST, Section, sections
from runtime.bundle.reader import open_bundle
from runtime.engines.crash_guard import CRASHES
from runtime.errors import DependencyError, GpuError, UsageError
from tests.calibration.gpu_check.fake_child import VARIABLE
from tests.calibration.gpu_check.fake_lab import COMMAND, GPU
from tests.conftest import REPOSITORY
from tests.docs_json import keys
from tests.export.conftest import Exported
from tests.export.tensorrt.fake_builder import describe

Run = Callable[..., Result]


@pytest.fixture
def networks(material: Path, tmp_path: Path) -> Path:
    """What a parser finds in the graphs, for processes without the onnx package."""
    import hashlib

    folder = tmp_path / "networks"
    folder.mkdir()
    for graph in material.rglob("*.onnx"):
        data = graph.read_bytes()
        (folder / f"{hashlib.sha256(data).hexdigest()}.json").write_text(json.dumps(describe(data)))
    return folder


@pytest.fixture
def run(material: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Runs the check of ``tiny`` on made-up GPUs, each section in a process of its own."""
    monkeypatch.setattr(runner, "CHILD", (sys.executable, *COMMAND))
    monkeypatch.setattr(check.require_gpu, "__defaults__", (lambda: GPU,))

    def invoke(*arguments: str, **told: Any) -> Result:
        monkeypatch.setenv(VARIABLE, json.dumps(told))
        given = ["run", str(material), "--out", str(tmp_path / "found.json"), "--quick"]
        small = [
            "--items",
            "40",
            "--steps",
            "100",
            "--workspace-mib",
            "16",
            "--work",
            str(tmp_path / "work"),
        ]
        # As `sgmn` runs it: what a command returns is the exit code.
        return CliRunner().invoke(
            gpu_check,
            [*given, *small, *arguments],
            catch_exceptions=False,
            standalone_mode=False,
        )

    return invoke


def test_the_whole_check_in_one_json(run: Run, tmp_path: Path, networks: Path) -> None:
    """Without any package that the offline machine lacks."""
    hidden = ["torch", "onnx", "PIL", "av", "vosk", "cryptography", "rich", "scipy", "safetensors"]
    hidden += ["rapidfuzz", "jellyfish", "threadpoolctl", "jinja2", "matplotlib", "click"]
    done = run(hide=hidden, networks=str(networks))
    assert done.return_value == 0, done.output
    found = json.loads((tmp_path / "found.json").read_text())
    assert found.keys() == {
        *("schema_version", "sgmn_edge", "python", "command", "started", "material", "settings"),
        *("seconds", "environment", "goals", "failed", "cut", "skipped", "to_come", "sections"),
    }
    job = Job(material=tmp_path, work=tmp_path, presets=(SMALLEST,))
    assert list(found["sections"]) == [section.name for section in sections(job)]
    for one in found["sections"].values():
        assert one.keys() == {"status", "seconds", "found", "why", "error"}
        assert one["status"] == "passed"
    assert found["environment"]["tensorrt"] == "10.3.0"
    assert found["environment"]["versions"]["torch"] is not None
    assert {goal["verdict"] for goal in found["goals"]} == {"not measured"}
    assert {"name", "verdict", "limit", "found", "of"} == found["goals"][0].keys()
    assert [found[key] for key in ("failed", "cut", "skipped", "to_come")] == [[], [], [], []]


def test_a_check_that_is_ended_leaves_what_it_found(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    really = runner.Runner._run

    def until(self: runner.Runner, section: Section) -> Outcome:
        if section.name == "build/tiny-fp16":
            raise OSError("the machine is switched off")
        return really(self, section)

    monkeypatch.setattr(runner.Runner, "_run", until)
    with pytest.raises(OSError, match="switched off"):
        run("--only", "build/tiny")
    found = json.loads((tmp_path / "found.json").read_text())
    assert list(found["sections"]) == ["environment", "build/tiny-int8"]
    assert found["to_come"] == ["build/tiny-fp16", "build/tiny-fp32"]


def test_crashes_of_one_section_do_not_stop_another(
    run: Run, material: Path, tmp_path: Path
) -> None:
    starts = tmp_path / "work" / "state" / "starts" / open_bundle(material / "tiny" / "fp16").digest
    starts.mkdir(parents=True)
    for number in range(CRASHES):
        (starts / f"start-{number}").touch()
    done = run("--only", "parity/tiny-fp16")
    assert done.return_value == 0, done.output


def test_one_failed_section_fails_the_check(run: Run, tmp_path: Path) -> None:
    done = run(
        "--only", "environment", "--only", "build/tiny", faults={"crash": "parse"}, kernels=False
    )
    assert done.return_value == 1
    found = json.loads((tmp_path / "found.json").read_text())
    assert found["failed"] == ["build/tiny-int8", "build/tiny-fp16", "build/tiny-fp32"]
    assert "SIGSEGV" in found["sections"]["build/tiny-int8"]["why"]
    assert found["sections"]["environment"]["status"] == "passed"


def test_chosen_sections_bring_what_they_need(run: Run, tmp_path: Path) -> None:
    done = run("--only", "parity/tiny-fp16", "--json")
    printed = json.loads(done.stdout)
    assert set(printed) == keys("gpu-check run")
    assert list(printed["sections"]) == ["environment", "build/tiny-fp16", "parity/tiny-fp16"]
    assert printed == json.loads((tmp_path / "found.json").read_text())
    built = printed["sections"]["build/tiny-fp16"]["found"]["engines"]
    again = json.loads(run("--only", "build/tiny-fp16", "--json").stdout)
    kept = again["sections"]["build/tiny-fp16"]["found"]["engines"]
    assert {one["outcome"] for one in built} == {"built"}
    assert {one["outcome"] for one in kept} == {"kept"}


def test_no_time_cuts_and_says_so(run: Run, tmp_path: Path) -> None:
    done = run("--limit-s", "6")
    assert done.return_value == 0
    found = json.loads((tmp_path / "found.json").read_text())
    assert found["cut"], "six seconds are not enough for all"
    assert all(found["sections"][name]["why"] for name in found["cut"])
    assert "cut" in done.stdout


def test_tensorrt_that_is_missing_is_no_result(run: Run, tmp_path: Path) -> None:
    with pytest.raises(GpuError, match="not run") as told:
        run(missing="no-tensorrt")
    assert told.value.reason == "no-tensorrt"
    assert not (tmp_path / "found.json").exists()


@pytest.mark.skipif(os.path.exists("/proc/driver/nvidia/version"), reason="there is a driver")
def test_without_a_driver_nothing_is_run_and_nothing_written(
    material: Path, tmp_path: Path
) -> None:
    out = tmp_path / "found.json"
    with pytest.raises(GpuError, match="not run: no NVIDIA driver") as told:
        CliRunner().invoke(
            gpu_check, ["run", str(material), "--out", str(out)], catch_exceptions=False
        )
    assert told.value.exit_code == 6
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(os.path.exists("/proc/driver/nvidia/version"), reason="there is a driver")
def test_a_checkout_that_is_not_installed_has_the_command(tmp_path: Path) -> None:
    start = [sys.executable, "-m", "calibration.gpu_check", "run", str(tmp_path)]
    done = subprocess.run(
        [*start, "--out", str(tmp_path / "found.json")],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 6
    assert "not run: no NVIDIA driver" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (["--only", "nothing"], "no section nothing"),
        (["--clips", "clips.jsonl"], "accuracy cannot be measured"),
        (["--out", "nowhere/found.json"], "cannot be written"),
    ],
)
def test_what_makes_no_sense_is_refused_at_once(run: Run, arguments: list[str], why: str) -> None:
    with pytest.raises(UsageError, match=why):
        run(*arguments)


def test_torch_that_finds_no_gpu_is_told(material: Path, tmp_path: Path, run: Run) -> None:
    import torch

    if torch.cuda.is_available():
        pytest.skip("there is a GPU")
    out = tmp_path / "torch.json"
    with pytest.raises(DependencyError, match="no torch to compare") as told:
        CliRunner().invoke(
            gpu_check, ["torch", str(material), "--out", str(out)], catch_exceptions=False
        )
    assert "finds no GPU" in told.value.why
    assert not out.exists()


def test_prepare_says_what_there_is_to_carry(exported: Exported, tmp_path: Path) -> None:
    out = tmp_path / "material"
    given = ["prepare", "--preset", "tiny", "--parts", "--json", "--out", str(out)]
    done = CliRunner().invoke(
        gpu_check, [*given, "--cache", str(tmp_path / "cache")], catch_exceptions=False
    )
    assert done.exit_code == 0
    about = json.loads(done.stdout)
    assert set(about) == keys("gpu-check prepare")
    assert about["presets"]["tiny"]["weights"] == "drawn"
    assert [Path(part["file"]).name for part in about["parts"]] == ["material.tar.xz.00"]
    assert about["parts"][0]["bytes"] == Path(about["parts"][0]["file"]).stat().st_size


def test_what_is_not_there_is_prepared_where_that_is_asked(
    run: Run, material: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[tuple[str, ...]] = []

    def prepare(out: Path, presets: tuple[str, ...]) -> None:
        made.append(presets)
        out.symlink_to(material)

    monkeypatch.setattr(command, "_prepare", prepare)
    out, place = str(tmp_path / "found.json"), str(tmp_path / "new")
    given = ["run", place, "--prepare", "--out", out, "--only", "search", "--preset", "tiny"]
    for _ in range(2):
        done = CliRunner().invoke(gpu_check, [*given, "--quick"], catch_exceptions=False)
        assert done.exit_code == 0, done.output
    assert made == [("tiny",)], "and not again"
    assert set(json.loads(Path(out).read_text())["sections"]) == {"environment", "search"}
