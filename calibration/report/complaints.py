"""What people complain of in low precision, answered with this report's own figures."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from calibration.budget import Budget, points
from calibration.records.measurement import PlanMeasurement
from calibration.records.report import Report
from calibration.report.numbers import fixed, milliseconds
from runtime.bundle.manifest import SUBMODULES


@dataclass(frozen=True)
class Answer:
    """A complaint, where it was met, and what holds here.

    Attributes:
        complaint: as people put it.
        seen: issues of other projects, ``owner/name#number``.
        text: the answer, sentences.
    """

    complaint: str
    seen: str
    text: str


def answers(report: Report) -> list[Answer]:
    """Each complaint with its answer, as far as this report can tell."""
    return [
        Answer(
            "Is it really INT8, or FP32 under another name?",
            "roboflow/rf-detr#1454, yuvraj108c/ComfyUI-Rife-Tensorrt#25",
            " ".join(_real(report)),
        ),
        Answer(
            "INT8 ruined the accuracy.",
            "Megvii-BaseDetection/YOLOX#641, NVIDIA/TensorRT#1179",
            " ".join(_collapse(report)),
        ),
        Answer(
            "The result depends on how many pictures it was calibrated with.",
            "NVIDIA/TensorRT#1411",
            " ".join(_calibrated(report)),
        ),
        Answer(
            "Is an old calibration or an old number still valid?",
            "NVIDIA/TensorRT#3137, #1806",
            "No, and none is used: ranges and measurements are kept under a digest of the network, "
            "the plan, the samples, the method, the clips, the catalog, the hardware and the "
            "versions. What depends on anything else is measured anew.",
        ),
        Answer(
            "INT8 is slower.",
            "NVIDIA/Model-Optimizer#167, NVIDIA/TensorRT#4273",
            " ".join(_slower(report)),
        ),
        Answer(
            "FP16 gives nonsense in transformers.",
            "NVIDIA/TensorRT#1262, #4373",
            " ".join(_half(report)),
        ),
    ]


def _real(report: Report) -> Iterator[str]:
    if report.reference.latency is None:
        yield (
            "Here only the rounding of the graphs was judged. sgmn build counts the precision of "
            "every layer of an engine, and fails where it is not the one asked for."
        )
        return
    yield "Compare the sizes of each part's file in the table of precision."
    chosen = report.of(report.recommendation.plan.name)
    full = report.reference.bytes_by_submodule
    for name, size in chosen.bytes_by_submodule.items():
        precision = chosen.plan.of(name).precision
        if precision != "fp32" and full.get(name):
            yield f"{name}, {precision}: {fixed(100 * size / full[name], 0)} % of FP32."


def _collapse(report: Report) -> Iterator[str]:
    budget = Budget(report.recommendation.budget)
    missed = [
        one.plan.name for one in report.measurements if not budget.allows(one.overall.r1_change)
    ]
    if missed:
        yield f"Here too, and these plans are refused for it: {', '.join(missed)}."
    else:
        yield "No plan measured here lost more than the budget."
    yield (
        f"The budget is {points(budget.r1_drop)} of R@1, clip by clip against FP32; "
        "with --gate the command fails when what ships misses it. Which blocks stay at higher "
        "precision is decided by the sensitivity of each."
    )


def _calibrated(report: Report) -> Iterator[str]:
    way = report.recommendation.plan.calibration
    yield f"This plan: {way.method}, {way.pictures} pictures, seed {way.seed}."
    cosines = [one.query_cosine.mean for one in report.comparisons]
    if cosines:
        yield (
            f"Over {len(cosines)} ways to calibrate, the mean cosine to FP32 runs from "
            f"{fixed(min(cosines), 4)} to {fixed(max(cosines), 4)}; see above."
        )


def _slower(report: Report) -> Iterator[str]:
    timed = [one for one in report.measurements if one.latency and one.latency.ratio]
    if not timed:
        yield "No times were measured here."
        return
    slow = [one for one in timed if not _surely_faster(one)]
    if not slow:
        yield "Every plan measured here is faster than FP32 beyond doubt."
    for one in slow:
        yield _not_faster(one)
    yield "The plan is chosen by time measured in turns with FP32, never by its number of bits."


def _surely_faster(one: PlanMeasurement) -> bool:
    ratio = one.latency and one.latency.ratio
    return bool(ratio and (ratio.value if ratio.high is None else ratio.high) < 1)


def _not_faster(one: PlanMeasurement) -> str:
    if one.latency is None or one.latency.ratio is None:
        return ""
    p50, ratio = one.latency.p50.value, one.latency.ratio.value
    told = f"{one.plan.name} is not surely faster than FP32"
    return f"{told}: {milliseconds(p50)} ms, {ratio:.2f} times the time."


def _half(report: Report) -> Iterator[str]:
    yield (
        "On processors FP16 is how weights are stored; they are computed with in FP32. For "
        "TensorRT, LayerNorm, softmax and L2 norm stay FP32. A graph that answers with NaN or "
        "infinity is refused when it is made."
    )
    for one in report.measurements:
        if _is_half(one) and one.cosine:
            output, found = min(one.cosine.items(), key=lambda item: item[1].mean)
            yield f"In {one.plan.name}, {output} is least like FP32: mean {fixed(found.mean, 4)}."


def _is_half(one: PlanMeasurement) -> bool:
    used = {one.plan.of(name).precision for name in SUBMODULES}
    return "fp16" in used and "int8" not in used
