"""A report with made-up numbers, for tests of what shows and judges one."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from calibration.records.measurement import (
    Agreement,
    ConfidenceError,
    Cosine,
    Latency,
    PlanMeasurement,
    QuestionAccuracy,
    RankChange,
)
from calibration.records.recommendation import Recommendation, Rejection
from calibration.records.report import Report
from calibration.records.search import SearchStep
from calibration.records.sensitivity import CalibrationComparison, Effect, Sensitivity
from export.precision.plan import PrecisionPlan, SubmodulePlan
from models.evaluation.confidence import Bin
from models.evaluation.metrics import Estimate

CLIPS = 44


def near(value: float, width: float = 0.01) -> Estimate:
    """An estimate with an interval of so much on either side."""
    return Estimate(value, value - width, value + width)


def latency(ms: float, *, ratio: float | None = None, width: float = 0.02) -> Latency:
    """Steps around a median; the interval of the ratio is ``width`` on either side."""
    samples = tuple(ms * (1 + 0.01 * (i % 7 - 3)) for i in range(49))
    return Latency(
        p50=near(ms, 0.1),
        p95=near(1.2 * ms, 0.2),
        p99=near(1.4 * ms, 0.5),
        samples_ms=samples,
        stages_ms={"preprocess": 0.1 * ms, "frame_encoder": 0.7 * ms, "search": 0.2 * ms},
        ratio=None if ratio is None else near(ratio, width),
        threads=1,
        catalog=10_000,
    )


def accuracy(r1: float = 0.8, change: Estimate | None = None, **named: Any) -> QuestionAccuracy:
    """L0 fused, or another question."""
    asked: dict[str, Any] = {"tier": "L0", "modality": "fused", "enrolled": False, **named}
    changed = change or Estimate(0.0, 0.0, 0.0)
    return QuestionAccuracy(
        **asked, clips=CLIPS, r1=near(r1, 0.1), r5=near(0.95), mrr=near(0.85), r1_change=changed
    )


def measurement(name: str, ms: float, **changed: Any) -> PlanMeasurement:
    """A plan whose frame encoder is INT8 unless it is called fp32."""
    submodules = {} if name == "fp32" else {"frame_encoder": SubmodulePlan("int8", ("block0",))}
    ratio = None if name == "fp32" else ms / 40.0
    made = PlanMeasurement(
        plan=PrecisionPlan(name, "cpu", submodules),
        key=f"{len(name):064x}",
        bundle_digest="ab" * 32,
        bytes_by_submodule={"frame_encoder": 4_000_000, "text_encoder": 22_000_000},
        total_bytes=27_000_000,
        latency=latency(ms, ratio=ratio),
        peak_memory_bytes=180_000_000,
        energy_j=None,
        accuracy=(accuracy(), accuracy(0.6, modality="image"), accuracy(0.9, enrolled=True)),
        cosine={"frame_encoder.cls": Cosine(0.995, 0.97), "query_head.query": Cosine(1.0, 0.999)},
        query_cosine=Cosine(0.994, 0.98),
        agreement=Agreement(0.93, 0.045, (_moved(),)),
        confidence=ConfidenceError(
            0.08, 0.05, (Bin(0.2, 0.6, 20, 0.5, 0.4),), (Bin(0.5, 1, 24, 0.75, 0.75),)
        ),
        machine={"cpu": "made up", "cores": 2, "gpus": [], "load_1min": 0.1},
    )
    return replace(made, **changed)


def report() -> Report:
    """Three plans, two blocks, a search and a recommendation."""
    fp32, int8, mixed = (
        measurement("fp32", 40.0, query_cosine=Cosine(1.0, 1.0)),
        measurement("int8", 20.0, accuracy=(accuracy(0.75, near(-0.045, 0.05)),)),
        measurement("mixed", 25.0),
    )
    effect = Effect(Cosine(0.99, 0.95), -0.01, near(-0.02), near(1.5), 90_000)
    return Report(
        measurements=(fp32, int8, mixed),
        recommendation=Recommendation(
            mixed.plan,
            0.005,
            False,
            ("mixed is the fastest plan within the budget.",),
            (Rejection("frame_encoder/block0", "int8", "INT8 rejected for block0: slower."),),
        ),
        sensitivities=(
            Sensitivity("frame_encoder", "block0", effect, effect),
            Sensitivity("text_encoder", None, replace(effect, saved_ms=None), None),
        ),
        comparisons=(
            CalibrationComparison("minmax", 64, 0, Cosine(0.99, 0.95), near(0.8), near(0.0)),
            CalibrationComparison("entropy", 512, 0, Cosine(0.98, 0.9), None, None),
        ),
        search=(
            SearchStep(
                "start",
                None,
                None,
                int8.plan,
                Cosine(0.98, 0.9),
                near(-0.045),
                False,
                True,
                "Start.",
            ),
            SearchStep(
                "hold",
                "frame_encoder",
                "block0",
                mixed.plan,
                Cosine(0.99, 0.95),
                near(0.0),
                True,
                True,
                "Within the budget.",
            ),
        ),
        shipped="mixed",
        clips=CLIPS,
        gallery=530,
        root="grocery",
        images={"pear": "dev/catalog/pear.png", "apple": "dev/catalog/apple.png"},
        machine={"cpu": "made up", "cores": 2},
        seeds={"calibration": 0, "bootstrap": 20260101},
        digests={"fp32": "ab" * 32, "clips": "cd" * 32},
    )


def _moved() -> RankChange:
    return RankChange(
        "clip-3",
        "L0 fused",
        "pear",
        "Pear",
        1,
        7,
        "apple",
        "Apple",
        ("dev/images/train/pear0.png",),
    )
