"""The plans that a report measures."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from calibration.measurement.builder import plan_of
from calibration.plans import PlanOptions, chosen_plan
from export.precision.plan import PrecisionPlan, Target
from runtime.bundle.reader import open_bundle
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
        UsageError: there is no such plan, a file is not one for the target, or two have one name.
    """
    options = PlanOptions(target=target)
    plans = [chosen_plan(name, preset, options) for name in names or DEFAULT[target]]
    called = [plan.name for plan in plans]
    twice = sorted({name for name in called if called.count(name) > 1})
    if twice:
        raise UsageError(
            f"two plans are called {twice[0]}",
            why="a report tells plans apart by their names",
            fix='give each its own `name = "..."`',
        )
    return plans


def shipped_bundle(bundle: Path | None, others: Iterable[PrecisionPlan]) -> dict[str, Path]:
    """The bundle that ships, if one was given, by what its plan is called in the report.

    That is as it calls itself, unless another plan is called so and does something else.

    Raises:
        BundleError: the bundle is damaged.
    """
    if bundle is None:
        return {}
    manifest = open_bundle(bundle).manifest
    note = manifest.provenance.get("precision")
    if not isinstance(note, dict) or "plan" not in note:
        return {SHIPPED: bundle}
    name = str(note["plan"]["name"])
    plan = plan_of(manifest, name)
    alike = all(one.digest() == plan.digest() for one in others if one.name == name)
    return {name if alike else SHIPPED: bundle}
