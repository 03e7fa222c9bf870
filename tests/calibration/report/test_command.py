"""``sgmn report`` from the command line: real INT8, real steps, a page in the end."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import onnx
import pytest
from click.testing import CliRunner
from onnx import helper

from calibration.plans import read_plan
from calibration.records.json import from_json
from calibration.records.report import Report
from calibration.report.command import report
from calibration.report.numbers import milliseconds
from export.precision.maker import make_bundle
from export.precision.presets import named_plan
from runtime.bundle.reader import open_bundle
from runtime.bundle.writer import seal
from runtime.commands.failure import run_guarded
from runtime.errors import BudgetError, UsageError
from tests.calibration.report.asking import words
from tests.calibration.report.reading import read
from tests.docs_json import keys
from tests.export.conftest import Exported

ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def shipped(exported: Exported, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The INT8 bundle that ships."""
    folder = tmp_path_factory.mktemp("shipped") / "bundle"
    make_bundle(exported.bundle, named_plan("int8", "tiny"), exported.samples, folder)
    return folder


@pytest.fixture(scope="module")
def spoiled(exported: Exported, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bundle that ranks the worst product first."""
    folder = tmp_path_factory.mktemp("spoiled") / "bundle"
    shutil.copytree(exported.bundle, folder)
    _turn_ranks(folder, exported.manifest.submodules["reranker"].file)
    return folder


def _turn_ranks(folder: Path, reranker: str) -> None:
    """Let a bundle's re-ranker say the opposite."""
    manifest, file = open_bundle(folder).manifest, folder / reranker
    model = onnx.load(str(file))
    (last,) = [node for node in model.graph.node if "reranked" in node.output]
    last.output[0] = "upright"
    model.graph.node.append(helper.make_node("Neg", ["upright"], ["reranked"]))
    onnx.save(model, str(file))
    seal(folder, manifest)


@pytest.fixture(scope="module")
def out(exported: Exported, shipped: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A report of the tiny network."""
    folder = tmp_path_factory.mktemp("report")
    asked = words(exported, folder, "--shipped", str(shipped))
    ran = CliRunner().invoke(report, asked, catch_exceptions=False)
    assert ran.exit_code == 0
    assert f"Wrote {folder / 'index.html'}" in ran.output
    return folder


def _again(exported: Exported, out: Path, *more: str) -> Any:
    ran = CliRunner().invoke(report, [*words(exported, out, *more), "--json"])
    assert ran.exception is None, ran.exception
    found = json.loads(ran.stdout)
    assert set(found) == keys("report")
    return found


def test_the_page_shows_what_was_measured(out: Path) -> None:
    found = from_json(Report, json.loads((out / "report.json").read_text(encoding="utf-8")))
    assert [one.plan.name for one in found.measurements] == ["fp32", "int8", "fp16"]
    assert found.shipped == "int8"
    assert found.quick
    assert [one.block for one in found.sensitivities if one.block] != []
    assert {one.method for one in found.comparisons} == {"minmax", "entropy", "percentile"}
    page = read(out / "index.html")
    assert "44 clips" not in page.text
    assert "4 clips, 4 products" in page.text
    for one in found.measurements:
        assert one.latency is not None
        assert f"{milliseconds(one.latency.p50.value)} " in page.text
        assert f"{one.query_cosine.mean:.4f} least {one.query_cosine.least:.4f}" in page.text
        assert one.bundle_digest in page.text
    assert found.machine["cpu"] in page.text


def test_the_shipped_bundle_itself_is_measured(out: Path, shipped: Path) -> None:
    found = from_json(Report, json.loads((out / "report.json").read_text(encoding="utf-8")))
    assert found.of("int8").bundle_digest == open_bundle(shipped).digest


def test_the_recommended_plan_can_be_made(exported: Exported, out: Path, tmp_path: Path) -> None:
    plan = read_plan(out / "recommended.toml")
    record = json.loads((out / "report.json").read_text(encoding="utf-8"))
    assert plan.name == record["recommendation"]["plan"]["name"]
    assert make_bundle(exported.bundle, plan, exported.samples, tmp_path / "made").preset == "tiny"


def test_a_second_run_measures_nothing_and_says_the_same(
    exported: Exported, out: Path, shipped: Path
) -> None:
    before, record = _kept(out), _record(out)
    told = _again(exported, out, "--shipped", str(shipped))
    assert _kept(out) == before
    assert _record(out) == record
    assert told["shipped"] == "int8"
    assert told["shipped_within_budget"] is True
    assert [row["plan"] for row in told["plans"]] == ["fp32", "int8", "fp16"]
    assert Path(told["report"]).is_file()


def _kept(out: Path) -> dict[str, tuple[bytes, int]]:
    files = (out / "measurements").iterdir()
    return {file.name: (file.read_bytes(), file.stat().st_mtime_ns) for file in files}


def _record(out: Path) -> dict[str, Any]:
    """All but the load of the machine, which is told as it is now."""
    record = json.loads((out / "report.json").read_text(encoding="utf-8"))
    record["machine"].pop("load_1min")
    return dict(record)


def test_the_gate_lets_pass_what_stays_within_the_budget(
    exported: Exported, out: Path, shipped: Path
) -> None:
    assert _again(exported, out, "--shipped", str(shipped), "--gate")["shipped"] == "int8"


def test_the_gate_refuses_what_misses_the_budget(
    exported: Exported,
    out: Path,
    spoiled: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    copy = tmp_path / "report"
    shutil.copytree(out, copy)
    asked = words(exported, copy, "--shipped", str(spoiled), "--gate", "--json")
    monkeypatch.setattr(sys, "argv", ["sgmn", *asked])
    assert run_guarded(report) == BudgetError.exit_code
    told = capsys.readouterr()
    assert json.loads(told.err)["error"]["code"] == "budget"
    found = json.loads(told.out)
    assert (found["shipped"], found["shipped_within_budget"]) == ("shipped", False)
    assert "What ships now, shipped, misses the budget" in read(copy / "index.html").text
    assert run_guarded(report) == BudgetError.exit_code, "remembered, it is refused again"
    monkeypatch.setattr(sys, "argv", [*sys.argv, "--budget", "100"])
    assert run_guarded(report) == 0


def test_graphs_for_tensorrt_are_judged_and_never_timed(exported: Exported, tmp_path: Path) -> None:
    told = _again(exported, tmp_path, "--target", "tensorrt", "--plan", "int8")
    found = from_json(Report, json.loads((tmp_path / "report.json").read_text(encoding="utf-8")))
    targets = {one.plan.name: one.plan.target for one in found.measurements}
    assert {"int8": "tensorrt", "fp16": "tensorrt"}.items() <= targets.items()
    assert all(one.latency is None for one in found.measurements)
    assert all(one.peak_memory_bytes is None for one in found.measurements)
    rounded = found.of("int8")
    assert rounded.query_cosine.mean < 1, "its rounding is felt"
    assert rounded.bundle_digest != found.reference.bundle_digest
    assert all(one.alone.saved_ms is None for one in found.sensitivities)
    assert [row["p50_ms"] for row in told["plans"]] == [""] * len(found.measurements)
    text = read(tmp_path / "index.html").text
    assert "graphs for TensorRT are never timed elsewhere" in text
    assert "How long a step takes was not measured" in text
    assert "It was not timed: build it and time it on the device" in text
    assert read_plan(tmp_path / "recommended.toml").name == told["recommended"]["name"]


@pytest.fixture(scope="module")
def for_gpus(exported: Exported, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bundle for TensorRT that ships."""
    folder = tmp_path_factory.mktemp("for_gpus") / "bundle"
    plan = named_plan("fp16", "tiny", "tensorrt")
    make_bundle(exported.bundle, plan, exported.samples, folder)
    return folder


def test_graphs_that_ship_are_gated_by_accuracy_alone(
    exported: Exported, for_gpus: Path, tmp_path: Path
) -> None:
    out = tmp_path / "report"
    told = _again(exported, out, "--target", "tensorrt", "--shipped", str(for_gpus), "--gate")
    assert (told["shipped"], told["shipped_within_budget"]) == ("fp16", True)
    found = from_json(Report, json.loads((out / "report.json").read_text(encoding="utf-8")))
    judged, shipped = found.of("fp16"), open_bundle(for_gpus)
    assert judged.bundle_digest == shipped.digest
    graph = shipped.manifest.tensorrt["frame_encoder"]
    assert judged.bytes_by_submodule["frame_encoder"] == (for_gpus / graph.file).stat().st_size
    assert judged.latency is None
    # Its submodules for the processor, which are FP32, have no say.
    spoiled = tmp_path / "spoiled"
    shutil.copytree(for_gpus, spoiled)
    _turn_ranks(spoiled, shipped.manifest.tensorrt["reranker"].file)
    asked = words(exported, out, "--target", "tensorrt", "--shipped", str(spoiled), "--gate")
    ran = CliRunner().invoke(report, asked)
    assert isinstance(ran.exception, BudgetError)


def test_graphs_that_a_bundle_lacks_are_not_gated(
    exported: Exported, shipped: Path, tmp_path: Path
) -> None:
    asked = words(exported, tmp_path, "--target", "tensorrt", "--shipped", str(shipped))
    with pytest.raises(UsageError, match="no graphs for TensorRT"):
        CliRunner().invoke(report, asked, catch_exceptions=False)
    assert not list(tmp_path.iterdir())


def test_a_gate_needs_what_ships(exported: Exported, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="nothing to gate"):
        CliRunner().invoke(report, words(exported, tmp_path, "--gate"), catch_exceptions=False)
    assert not list(tmp_path.iterdir())


def test_two_plans_of_one_name_are_refused(exported: Exported, tmp_path: Path) -> None:
    file = tmp_path / "own.toml"
    file.write_text('name = "fp16"\ntarget = "cpu"\n')
    asked = words(exported, tmp_path / "out", "--plan", str(file))
    with pytest.raises(UsageError, match="two plans fp16"):
        CliRunner().invoke(report, asked, catch_exceptions=False)


@pytest.mark.slow
def test_killed_it_goes_on(exported: Exported, out: Path, shipped: Path, tmp_path: Path) -> None:
    """Killed when a few numbers are kept; what is kept stays, and the rest is what it ever was."""
    script = (
        "import sys, time\n"
        "from calibration.measurement.store import Store\n"
        "from calibration.report.command import report\n"
        "put, kept = Store._put, []\n"
        "def slow(*words):\n"
        "    put(*words); kept.append(1)\n"
        "    if len(kept) == 5: print('waiting', flush=True); time.sleep(60)\n"
        "Store._put = slow\n"
        "report(sys.argv[1:])\n"
    )
    asked = words(exported, tmp_path, "--shipped", str(shipped))
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    with subprocess.Popen(
        [sys.executable, "-c", script, *asked], env=environment, stdout=subprocess.PIPE, text=True
    ) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == "waiting\n"
        child.send_signal(signal.SIGKILL)
    before = _kept(tmp_path)
    assert len(before) == 5
    assert not (tmp_path / "index.html").exists()
    _again(exported, tmp_path, "--shipped", str(shipped))
    assert before.items() <= _kept(tmp_path).items()
    assert _kept(tmp_path).keys() == _kept(out).keys()
    first, second = _record(out), _record(tmp_path)
    assert second["measurements"][1]["accuracy"] == first["measurements"][1]["accuracy"]
    assert second["digests"] == first["digests"]
