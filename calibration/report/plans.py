"""The plans that a report measures."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from calibration.measurement.builder import FP32, plan_of
from calibration.plans import PlanOptions, chosen_plan
from export.precision.plan import PrecisionPlan, Target
from runtime.bundle.reader import open_bundle

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


def shipped_name(bundle: Path, others: Iterable[PrecisionPlan]) -> str:
    """What to call the plan of a bundle: as it calls itself, unless another plan is called so.

    Raises:
        BundleError: the bundle is damaged.
    """
    manifest = open_bundle(bundle).manifest
    note = manifest.provenance.get("precision")
    if not isinstance(note, dict) or "plan" not in note:
        return SHIPPED
    name = str(note["plan"]["name"])
    plan = plan_of(manifest, name)
    same_name = [one for one in others if one.name == name]
    return name if all(one.digest() == plan.digest() for one in same_name) else SHIPPED


def distinct(plans: Iterable[PrecisionPlan]) -> list[PrecisionPlan]:
    """FP32, then each plan that does what none before it does."""
    found = {FP32.digest(): FP32}
    for plan in plans:
        found.setdefault(plan.digest(), plan)
    return list(found.values())
