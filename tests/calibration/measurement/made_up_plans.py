"""Stand-ins for what plans cost: noise on a block's weights for INT8, and fixed times."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import onnx
from onnx import numpy_helper

from calibration.measurement.builder import Bundles
from calibration.measurement.exam import Exam
from calibration.measurement.measurer import Measurer
from calibration.measurement.steps import Conditions, StepTimes, Usage
from calibration.measurement.store import Store, digest_of
from export.precision.plan import PrecisionPlan, SubmodulePlan
from models.evaluation.gallery import Stock
from models.evaluation.prediction import Question
from runtime.bundle.reader import Bundle, open_bundle
from runtime.bundle.writer import seal
from tests.export.conftest import Exported
from tests.models.made_up_bank import quiet

ENCODER = "frame_encoder"
FILE = f"onnx/{ENCODER}.fp32.onnx"
BLOCKS = ("trunk.0", "trunk.2", "head")
"""Of the tiny frame encoder; their weights bear these names."""

CONDITIONS = Conditions(items=10, rounds=40)
INT8 = PrecisionPlan("int8", "cpu", {ENCODER: SubmodulePlan("int8")})


@dataclass
class NoisyBuilder:
    """Bundles whose INT8 blocks have noise on their weights.

    Attributes:
        source: the FP32 bundle.
        noise: of each block, as a share of its weights' spread.
        built: names of the plans built so far.
    """

    source: Bundle
    noise: Mapping[str, float]
    built: list[str] = field(default_factory=list)

    def identity(self, plan: PrecisionPlan) -> str:
        fields = {key: value for key, value in plan.as_dict().items() if key != "name"}
        return digest_of([fields, dict(self.noise), self.source.digest])

    def samples(self, plan: PrecisionPlan) -> str:
        return "" if plan.of(ENCODER).precision == "fp32" else digest_of(plan.calibration.seed)

    def blocks(self, submodule: str) -> tuple[str, ...]:
        return BLOCKS if submodule == ENCODER else ()

    def build(self, plan: PrecisionPlan, out: Path) -> Path:
        encoder = plan.of(ENCODER)
        int8 = [b for b in BLOCKS if encoder.precision == "int8" and b not in encoder.held]
        if not int8:
            return self.source.folder
        self.built.append(plan.name)
        shutil.copytree(self.source.folder, out)
        for block in int8:
            stir(out, block, self.noise[block])
        manifest = self.source.manifest
        provenance = {**manifest.provenance, "int8": int8}
        seal(out, manifest.model_copy(update={"provenance": provenance}))
        return out


def stir(folder: Path, block: str, share: float) -> None:
    """Add noise to a block's weights; the bundle must be sealed again."""
    file = folder / FILE
    model = onnx.load(str(file))
    rng = np.random.default_rng(len(block))
    for weight in model.graph.initializer:
        if block in weight.name:
            values = numpy_helper.to_array(weight)
            noisy = values + share * values.std() * rng.standard_normal(values.shape)
            weight.CopyFrom(numpy_helper.from_array(noisy.astype(values.dtype), weight.name))
    onnx.save(model, str(file))


@dataclass
class FixedStopwatch:
    """Steps of 10 ms, less what each INT8 block saves.

    Attributes:
        saves: milliseconds by block.
        timed: how often it was asked.
    """

    saves: Mapping[str, float] = field(default_factory=dict)
    conditions: Conditions = CONDITIONS
    timed: int = 0

    def time(self, bundle: Path, reference: Path | None, rounds: int | None = None) -> StepTimes:
        self.timed += 1
        count = rounds or self.conditions.rounds
        other = () if reference is None else self._steps(reference, count)
        stages = {ENCODER: 5.0, "search": 1.0}
        cpu = "onnxruntime:CPUExecutionProvider"
        return StepTimes(self._steps(bundle, count), other, stages, cpu, self.conditions)

    def usage(self, bundle: Path) -> Usage:
        return Usage(0.25, 50_000_000)

    def _steps(self, bundle: Path, count: int) -> tuple[float, ...]:
        int8 = open_bundle(bundle).manifest.provenance.get("int8", [])
        middle = 10.0 - sum(self.saves.get(block, 0.0) for block in int8)
        return tuple(middle + 0.01 * (number % 5 - 2) for number in range(count))


def exam_of(exported: Exported, *, enrol: bool = False) -> Exam:
    """The made-up shop's clips: easy and hard, with and without words."""
    photos = exported.root / "dev" / "splits.csv"
    return Exam(
        exported.root / "dev" / "clips_val.jsonl",
        exported.root,
        Stock(exported.feed, enrol=photos if enrol else None),
        (Question("L0", "fused"), Question("L3", "image")),
    )


def measurer_of(
    exported: Exported,
    folder: Path,
    noise: Mapping[str, float],
    saves: Mapping[str, float] | None = None,
    conditions: Conditions = CONDITIONS,
) -> tuple[Measurer, NoisyBuilder, FixedStopwatch]:
    """A measurer whose bundles and store lie in a folder."""
    builder, stopwatch = (
        NoisyBuilder(open_bundle(exported.bundle), noise),
        FixedStopwatch(saves or {}, conditions),
    )
    bundles, store = Bundles(builder, folder / "bundles"), Store(folder / "measurements")
    made = Measurer(builder, bundles, exam_of(exported), stopwatch, store, quiet)
    return made, builder, stopwatch
