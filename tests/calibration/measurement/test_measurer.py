"""Measuring plans on real engines and catalogs; only INT8 and time are stand-ins."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from calibration.measurement.builder import FP32
from calibration.records.measurement import PlanMeasurement
from models.evaluation.difference import Earlier
from models.evaluation.evaluate import evaluate
from models.evaluation.prediction import write_predictions
from runtime.bundle.reader import open_bundle
from tests.calibration.measurement.made_up_plans import BLOCKS, CONDITIONS, INT8, measurer_of
from tests.export.conftest import Exported
from tests.models.made_up_bank import quiet

NOISE = dict.fromkeys(BLOCKS, 0.8)
ROOT = Path(__file__).parents[3]


def test_fp32_beside_itself_is_the_same(exported: Exported, tmp_path: Path) -> None:
    measurer, _, _ = measurer_of(exported, tmp_path, NOISE)
    found = measurer.measure(FP32)
    assert found.bundle_digest == open_bundle(exported.bundle).digest
    assert found.query_cosine.least == pytest.approx(1.0)
    assert (found.agreement.top10, found.agreement.decision_changes) == (1.0, 0.0)
    assert found.agreement.rank_changes == ()
    assert [one.r1_change.value for one in found.accuracy] == [0.0, 0.0, 0.0]
    assert found.confidence.before == found.confidence.after
    assert found.latency is not None
    assert found.latency.ratio is None


def test_a_plan_is_measured_as_evaluate_would(exported: Exported, tmp_path: Path) -> None:
    """The same numbers as `sgmn evaluate --against`, from the same bundles."""
    measurer, builder, _ = measurer_of(exported, tmp_path, NOISE, {"head": 2.0})
    found = measurer.measure(INT8)
    bundle = builder.build(INT8, tmp_path / "by-hand")
    exam = measurer.exam
    before, after = (
        evaluate(exam.clips, exam.root, exam.stock, exam.questions, one, quiet)
        for one in (exported.bundle, bundle)
    )
    write_predictions(tmp_path / "before", [(one.question, one.predictions) for one in before])
    earlier = Earlier.read(tmp_path / "before")
    overall, *rows = found.accuracy
    for row, one in zip(rows, after, strict=True):
        assert (row.r1, row.r5, row.mrr) == (
            one.groups["all"].r1,
            one.groups["all"].r5,
            one.groups["all"].mrr,
        )
        difference = earlier.differences(one.question, one.predictions, alone=False)["all"]
        assert row.r1_change == difference.r1
    assert [row.name for row in found.accuracy][:2] == ["all questions", "L0 fused"]
    assert overall.clips == sum(row.clips for row in rows)
    for kind in ("r1", "r5", "mrr", "r1_change"):
        together = [getattr(row, kind).value for row in rows]
        assert getattr(overall, kind).value == pytest.approx(sum(together) / len(together))
    assert found.overall == overall
    assert found.query_cosine.mean < 0.9999
    assert found.total_bytes == sum(
        e.size_bytes for e in open_bundle(bundle).manifest.files.values()
    )
    assert found.latency is not None
    assert found.latency.ratio is not None
    assert found.latency.ratio.value == pytest.approx(0.8)
    assert (found.energy_j, found.peak_memory_bytes) == (0.25, 50_000_000)


def test_a_plan_measured_once_is_not_measured_again(exported: Exported, tmp_path: Path) -> None:
    first, builder, stopwatch = measurer_of(exported, tmp_path, NOISE)
    found = [first.measure(plan) for plan in (FP32, INT8)]
    assert builder.built == ["int8"]
    assert stopwatch.timed == 2
    again, builder, stopwatch = measurer_of(exported, tmp_path, NOISE)
    assert [again.measure(plan) for plan in (FP32, INT8)] == found
    renamed = again.measure(replace(INT8, name="other"))
    assert renamed == replace(found[1], plan=replace(INT8, name="other"))
    assert (builder.built, stopwatch.timed) == ([], 0)


def test_what_changed_is_measured_again(exported: Exported, tmp_path: Path) -> None:
    first, _, _ = measurer_of(exported, tmp_path, NOISE)
    before = first.measure(INT8)
    other, builder, stopwatch = measurer_of(exported, tmp_path, {**NOISE, "head": 0.1})
    assert other.measure(INT8).key != before.key
    assert builder.built
    threads = replace(CONDITIONS, threads=2)
    again, builder, stopwatch = measurer_of(exported, tmp_path, NOISE, conditions=threads)
    assert again.measure(INT8).key != before.key
    # Threads change times, not answers: only the former were taken anew.
    assert stopwatch.timed == 1


def test_another_machine_is_measured_again(
    exported: Exported, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, _, _ = measurer_of(exported, tmp_path, NOISE)
    before = first.measure(FP32)
    here = before.machine
    monkeypatch.setattr(
        "calibration.measurement.measurer.describe", lambda: {**here, "load_1min": 99.0}
    )
    busy, _, stopwatch = measurer_of(exported, tmp_path, NOISE)
    assert busy.measure(FP32) == before
    monkeypatch.setattr(
        "calibration.measurement.measurer.describe", lambda: {**here, "cpu": "another"}
    )
    moved, _, stopwatch = measurer_of(exported, tmp_path, NOISE)
    assert moved.measure(FP32).machine["cpu"] == "another"
    assert stopwatch.timed == 1


def test_answers_without_photos_are_taken_from_the_whole_exam(
    exported: Exported, tmp_path: Path
) -> None:
    alone, _, _ = measurer_of(exported, tmp_path / "alone", NOISE)
    both, builder, _ = measurer_of(exported, tmp_path / "both", NOISE)
    both.answers(INT8)
    builder.built.clear()
    assert both.without_photos(INT8) == alone.without_photos(INT8)
    assert builder.built == []


def test_killed_between_plans_it_goes_on(exported: Exported, tmp_path: Path) -> None:
    """A process is killed while its second plan waits; the next one measures only what is left."""
    store = tmp_path / "measurements"
    script = tmp_path / "measuring.py"
    script.write_text(
        "import sys, time\n"
        "from pathlib import Path\n"
        "from types import SimpleNamespace\n"
        "from tests.calibration.measurement.made_up_plans import INT8, measurer_of\n"
        "from calibration.measurement.builder import FP32\n"
        f"made = SimpleNamespace(bundle=Path({str(exported.bundle)!r}),\n"
        f"    root=Path({str(exported.root)!r}), feed=Path({str(exported.feed)!r}))\n"
        f"measurer, builder, watch = measurer_of(made, Path({str(tmp_path)!r}), {NOISE!r})\n"
        "measurer.measure(FP32)\n"
        "builder.build = lambda plan, out: print('building', flush=True) or time.sleep(60)\n"
        "measurer.measure(INT8)\n"
    )
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    with subprocess.Popen(
        [sys.executable, str(script)], env=environment, stdout=subprocess.PIPE, text=True
    ) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == "building\n"
        child.send_signal(signal.SIGKILL)
    assert child.returncode == -signal.SIGKILL
    kept = {file.name: file.read_bytes() for file in store.iterdir()}
    measurer, builder, stopwatch = measurer_of(exported, tmp_path, NOISE)
    found = [measurer.measure(plan) for plan in (FP32, INT8)]
    assert builder.built == ["int8"]
    assert stopwatch.timed == 1
    assert {name: (store / name).read_bytes() for name in kept} == kept
    fresh, _, _ = measurer_of(exported, tmp_path / "fresh", NOISE)
    assert [_steady(one) for one in found] == [
        _steady(fresh.measure(plan)) for plan in (FP32, INT8)
    ]


def _steady(found: PlanMeasurement) -> PlanMeasurement:
    return replace(found, machine={})
