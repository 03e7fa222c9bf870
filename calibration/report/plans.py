"""The plans that a report measures."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from calibration.measurement.builder import note_of, plan_of
from calibration.plans import PlanOptions, chosen_plan
from calibration.survey import MIXED
from export.precision.plan import PrecisionPlan, Target
from runtime.bundle.reader import Bundle, open_bundle
from runtime.errors import UsageError

DEFAULT: dict[Target, tuple[str, ...]] = {
    "cpu": ("fp16", "fp16-heads", "int8-text", "int8", "int8-encoders", "int8-all"),
    "tensorrt": ("fp16", "int8", "int8-encoders"),
}
"""Beside FP32 and the mixed plan that the search finds."""

START = "int8-encoders"
"""Where the search for a mixed plan begins."""

SHIPPED = "shipped"


def asked_plans(names: Sequence[str], preset: str, target: Target) -> list[PrecisionPlan]:
    """The plans named, or the usual ones.

    Args:
        names: of plans, or ``.toml`` files; may be empty.
        preset: of the network.
        target: of all plans.

    Raises:
        UsageError: there is no such plan, or a file is not one for the target.
    """
    options = PlanOptions(target=target)
    return [chosen_plan(name, preset, options) for name in names or DEFAULT[target]]


def shipped_bundle(
    folder: Path | None, others: Iterable[PrecisionPlan], target: Target
) -> dict[str, Bundle]:
    """The bundle that ships, if one was given, by what its plan is called in the report.

    That is as it calls itself, with a word more where another plan is called so and does something
    else, or where the search will call its own so.

    Raises:
        BundleError: the bundle is damaged.
        UsageError: it has no graphs for the target.
    """
    if folder is None:
        return {}
    bundle = open_bundle(folder)
    if target == "tensorrt" and not bundle.manifest.tensorrt:
        raise UsageError(
            f"{folder} has no graphs for TensorRT",
            why="those are what --target tensorrt judges; this bundle runs on the processor",
            fix="leave --target out, or give a bundle of sgmn quantize --target tensorrt",
        )
    note = note_of(bundle.manifest, target)
    if "plan" not in note:
        return {SHIPPED: bundle}
    name = str(note["plan"]["name"])
    plan = plan_of(bundle.manifest, name, target)
    alike = name != MIXED and all(
        one.digest() == plan.digest() for one in others if one.name == name
    )
    return {name if alike else f"{name}-{SHIPPED}": bundle}
