"""Timing real steps, and what becomes of their times."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from calibration.measurement.latency import latency, ratio, saved_ms
from calibration.measurement.memory import own_peak, peak_memory
from calibration.measurement.steps import Conditions, StepStopwatch, StepTimes
from calibration.recommendation import overlap
from models.evaluation.metrics import Estimate
from runtime.bundle.reader import open_bundle
from runtime.errors import EngineError
from tests.calibration.measurement.made_up_plans import BLOCKS, INT8, NoisyBuilder
from tests.export.conftest import Exported

SHORT = Conditions(threads=1, items=40, rounds=6, warm_up=2)


def test_steps_of_two_bundles_take_turns(
    exported: Exported, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    noisy = NoisyBuilder(open_bundle(exported.bundle), dict.fromkeys(BLOCKS, 0.1)).build(
        INT8, tmp_path / "b"
    )
    from calibration.bench.harness import StepHarness

    order: list[str] = []
    real = StepHarness.step

    def noted(self: StepHarness, number: int) -> object:
        order.append(self.network.bundle.folder.name)
        return real(self, number)

    monkeypatch.setattr(StepHarness, "step", noted)
    with StepStopwatch(SHORT, None) as watch:
        times = watch.time(noisy, exported.bundle)
    mine, other = noisy.name, exported.bundle.name
    assert order == [other, mine, mine, other] * 4
    assert len(times.plan_ms) == len(times.reference_ms) == 6
    assert min(times.plan_ms + times.reference_ms) > 0
    assert {"preprocess", "frame_encoder", "query_head", "search", "reranker"} <= set(
        times.stages_ms
    )
    assert sum(times.stages_ms.values()) < 2 * max(times.plan_ms)
    assert "words" not in times.stages_ms  # they did not change
    assert times.provider == "onnxruntime:CPUExecutionProvider"


def test_alone_there_is_no_ratio_and_the_catalog_goes(exported: Exported) -> None:
    with StepStopwatch(SHORT, None) as watch:
        times = watch.time(exported.bundle, None, rounds=3)
        shelf = watch._shelf
        assert shelf.exists()
        usage = watch.usage(exported.bundle)
    assert not shelf.exists()
    assert len(times.plan_ms) == 3
    assert latency(times).ratio is None
    assert usage.energy_j is None
    assert usage.peak_memory_bytes is not None
    assert 20e6 < usage.peak_memory_bytes < 2e9


def test_a_parent_with_much_memory_does_not_count(exported: Exported, tmp_path: Path) -> None:
    from calibration.bench.stock import made_up_catalog

    made_up_catalog(tmp_path / "catalog", exported.manifest, 20).close()
    before = peak_memory(exported.bundle, tmp_path / "catalog", 1, 1)
    weight = np.ones(60_000_000, np.float64)
    after = peak_memory(exported.bundle, tmp_path / "catalog", 1, 1)
    assert before is not None
    assert after is not None
    assert abs(after - before) < weight.nbytes / 4
    assert own_peak() > weight.nbytes


def test_a_bundle_that_does_not_run_is_told(exported: Exported, tmp_path: Path) -> None:
    with pytest.raises(EngineError, match="memory of missing"):
        peak_memory(tmp_path / "missing", tmp_path, 1, 1)


def test_a_kernel_that_does_not_tell_gives_nothing(tmp_path: Path) -> None:
    assert own_peak(tmp_path / "none") == 0
    (tmp_path / "status").write_text("Name:\tx\nVmHWM:\t    12 kB\n")
    assert own_peak(tmp_path / "status") == 12 * 1024


def _times(plan: list[float], reference: list[float]) -> StepTimes:
    return StepTimes(tuple(plan), tuple(reference), {"search": 1.0}, "cpu", Conditions())


def test_a_disturbance_on_both_does_not_move_the_ratio() -> None:
    """Paired: the machine was twice as slow half of the time."""
    rng = np.random.default_rng(0)
    load = np.repeat([1.0, 2.0], 100)
    plan, other = 10 * load + rng.normal(0, 0.1, 200), 20 * load + rng.normal(0, 0.1, 200)
    found = ratio(_times(plan.tolist(), other.tolist()))
    assert found.value == pytest.approx(0.5, abs=0.02)
    assert found.low is not None
    assert found.high is not None
    assert found.high - found.low < 0.05
    alone = latency(_times(plan.tolist(), []))
    assert alone.p50.low is not None
    assert alone.p50.high is not None
    assert alone.p50.high - alone.p50.low > 5


def test_percentiles_are_in_order_and_hold_the_samples() -> None:
    found = latency(_times(list(np.linspace(1, 101, 101)), [1.0] * 101))
    assert (found.p50.value, found.p95.value, found.p99.value) == pytest.approx((51, 96, 100))
    assert found.samples_ms[0] == 1.0
    assert found.throughput == pytest.approx(1000 / 51)


def test_saved_milliseconds_have_the_sign_of_a_gain() -> None:
    rng = np.random.default_rng(0)
    fast, slow = rng.normal(8, 0.2, 80).tolist(), rng.normal(10, 0.2, 80).tolist()
    gain, loss = saved_ms(_times(fast, slow)), saved_ms(_times(slow, fast))
    assert gain.value == pytest.approx(2, abs=0.2) == -loss.value
    assert gain.low is not None
    assert gain.low > 1.5
    assert saved_ms(_times(fast, slow)) == gain


def test_one_step_is_enough_for_a_figure() -> None:
    assert latency(_times([3.0], [6.0])).ratio == ratio(_times([3.0], [6.0]))
    assert ratio(_times([3.0], [6.0])).value == 0.5


def test_few_steps_do_not_look_sure() -> None:
    """Ten noisy steps of plans that are equally fast: most intervals hold the truth."""
    rng = np.random.default_rng(1)
    found = [
        saved_ms(_times(rng.normal(10, 1, 10).tolist(), rng.normal(10, 1, 10).tolist()))
        for _ in range(60)
    ]
    held = [overlap(one, Estimate(0.0, 0.0, 0.0)) for one in found]
    assert np.mean(held) > 0.85
