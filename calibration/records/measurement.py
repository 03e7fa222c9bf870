"""What was measured of one precision plan."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from export.precision.plan import PrecisionPlan
from models.data.clip import Tier
from models.evaluation.confidence import Bin
from models.evaluation.metrics import Estimate
from models.evaluation.prediction import Modality


def question_name(tier: Tier | None, modality: Modality | None, *, enrolled: bool) -> str:
    """A question in short, e.g. ``L0 fused``; ``L0 fused, enrolled``; ``all questions``."""
    if modality is None:
        return "all questions"
    asked = modality if tier is None else f"{tier} {modality}"
    return f"{asked}, enrolled" if enrolled else asked


@dataclass(frozen=True)
class Cosine:
    """Likeness to FP32 over many rows, in [-1, 1]; 1 is the same direction."""

    mean: float
    least: float


@dataclass(frozen=True)
class Latency:
    """Time of a step: one new frame, cached ring, words unchanged.

    Attributes:
        p50: median of the samples in milliseconds with its 95 % interval; likewise the others.
        samples_ms: every step, in the order they ran.
        stages_ms: median of each stage of the step, in milliseconds.
        ratio: of the plan's median to that of FP32, whose steps took turns with the plan's in one
            run; below 1 is faster. The figure to compare plans by: what else the machine did at
            the time fell on both. None for FP32 itself.
        threads: of the engines.
        catalog: items searched.
        provider: what ran the frame encoder, e.g. ``onnxruntime:CPUExecutionProvider``.
    """

    p50: Estimate
    p95: Estimate
    p99: Estimate
    samples_ms: tuple[float, ...]
    stages_ms: Mapping[str, float]
    ratio: Estimate | None
    threads: int
    catalog: int
    provider: str = ""

    @property
    def throughput(self) -> float:
        """Steps a second, one after the other."""
        return len(self.samples_ms) / sum(self.samples_ms) * 1e3


@dataclass(frozen=True)
class QuestionAccuracy:
    """How well the plan answers one question, or all; intervals are bootstrapped over products.

    Attributes:
        tier: of the pictures; None for words alone and for all questions.
        modality: pictures and words, or one of them; None for all questions together.
        enrolled: whether the catalog held the shop's own photos.
        clips: number of answers: of clips, or of clips times questions.
        r1: share of clips whose product is first, ties counted against it; likewise R@5 and MRR.
        r1_change: R@1 minus that of FP32 on the same clips, paired; below 0 is worse.
    """

    tier: Tier | None
    modality: Modality | None
    enrolled: bool
    clips: int
    r1: Estimate
    r5: Estimate
    mrr: Estimate
    r1_change: Estimate

    @property
    def name(self) -> str:
        """The question in short, as `question_name`."""
        return question_name(self.tier, self.modality, enrolled=self.enrolled)


@dataclass(frozen=True)
class RankChange:
    """A clip whose product moved.

    Attributes:
        clip_id: the clip.
        question: as `QuestionAccuracy.name`.
        product_id: the product shown.
        title: of that product.
        before: its rank with FP32, 1 for the first; ties counted against it.
        after: its rank with the plan.
        named_id: the product ranked first by the plan.
        named_title: of that product.
        photos: the clip's photos, relative to the root of the clips.
    """

    clip_id: str
    question: str
    product_id: str
    title: str
    before: int
    after: int
    named_id: str
    named_title: str
    photos: tuple[str, ...]


@dataclass(frozen=True)
class Agreement:
    """How alike the answers to the same clips and questions are, the plan's and FP32's.

    Attributes:
        top10: mean share of FP32's first ten products that are among the plan's first ten.
        decision_changes: share of answers whose event or named product differs, both judged by
            the decision rule that fits FP32.
        rank_changes: the products that fell furthest, worst first.
    """

    top10: float
    decision_changes: float
    rank_changes: tuple[RankChange, ...] = ()


@dataclass(frozen=True)
class ConfidenceError:
    """Expected calibration error of the plan's confidence, in [0, 1].

    Attributes:
        before: with the rule that fits FP32.
        after: with the rule fitted to the plan itself, on the same clips.
        bins_before: answers of like confidence, as `models.evaluation.confidence.reliability` bins
            them, with the rule that fits FP32.
        bins_after: likewise with the rule fitted to the plan.
    """

    before: float
    after: float
    bins_before: tuple[Bin, ...] = ()
    bins_after: tuple[Bin, ...] = ()


@dataclass(frozen=True)
class PlanMeasurement:
    """Everything measured of one precision plan.

    Attributes:
        plan: the plan.
        key: digest of all that the numbers depend on; names the stored entry.
        bundle_digest: of the bundle the plan became.
        bytes_by_submodule: size of each ONNX file.
        total_bytes: of the whole bundle.
        latency: None where it was not measured.
        peak_memory_bytes: resident, of a process that runs steps; None where it was not measured.
        energy_j: of one step; None where the board does not report power.
        accuracy: all questions together, then a row a question; one row where there is one.
        cosine: of every submodule output to FP32, by ``submodule.output``, each fed what FP32's is.
        query_cosine: of query vectors, errors of all submodules together.
        agreement: of the answers with FP32's.
        confidence: whether confidences hold.
        machine: hardware, versions and load when it was measured.
    """

    plan: PrecisionPlan
    key: str
    bundle_digest: str
    bytes_by_submodule: Mapping[str, int]
    total_bytes: int
    latency: Latency | None
    peak_memory_bytes: int | None
    energy_j: float | None
    accuracy: tuple[QuestionAccuracy, ...]
    cosine: Mapping[str, Cosine]
    query_cosine: Cosine
    agreement: Agreement
    confidence: ConfidenceError
    machine: Mapping[str, Any] = field(default_factory=dict)

    @property
    def overall(self) -> QuestionAccuracy:
        """What the budget is about: all questions together.

        One clip of one question is worth points, so one question alone cannot tell half a point.
        """
        return self.accuracy[0]
