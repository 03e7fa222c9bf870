"""Where the bundle of a precision plan comes from."""

from __future__ import annotations

import shutil
from collections import OrderedDict
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

from export.precision.plan import (
    Precision,
    PrecisionPlan,
    SubmodulePlan,
    Target,
    plan_from_dict,
)
from export.precision.simulation import simulate_bundle
from runtime.bundle.manifest import Manifest
from runtime.bundle.reader import Bundle, open_bundle
from runtime.errors import BundleError, UsageError

FP32 = PrecisionPlan("fp32", "cpu")
"""What all plans are compared with."""


class Builder(Protocol):
    """Makes bundles of plans."""

    @property
    def source(self) -> Bundle:
        """The FP32 bundle that all others are made of."""

    def identity(self, plan: PrecisionPlan) -> str:
        """Hex digest of everything that the plan's bundle depends on; nothing is built for it."""

    def build(self, plan: PrecisionPlan, out: Path) -> Path:
        """The plan's bundle.

        Args:
            plan: of any name.
            out: a folder that does not exist, for a new bundle.

        Returns:
            ``out``, or the folder of a bundle that is there already.

        Raises:
            SgmnError: the plan cannot be made; nothing is left in ``out``.
        """

    def samples(self, plan: PrecisionPlan) -> str:
        """Hex SHA-256 of the samples that a plan is calibrated with; empty where it is not."""

    def blocks(self, submodule: str) -> tuple[str, ...]:
        """Names of a submodule's blocks that can have INT8, in the order of the network."""


class ReadyBundles:
    """Bundles that are there already.

    Args:
        source: the FP32 bundle.
        ready: plans (`plan_of`) and their bundles.
    """

    def __init__(self, source: Bundle, ready: Sequence[tuple[PrecisionPlan, Bundle]]) -> None:
        self._source = source
        self._ready = [(FP32, source), *ready]

    @property
    def source(self) -> Bundle:
        """As `Builder.source`."""
        return self._source

    def holds(self, plan: PrecisionPlan) -> bool:
        """Whether the bundle of just this plan is there."""
        return any(plan == one for one, _ in self._ready)

    def identity(self, plan: PrecisionPlan) -> str:
        """Digest of the bundle, which names every byte of it."""
        return self._bundle(plan).digest

    def build(self, plan: PrecisionPlan, out: Path) -> Path:
        """The folder of the bundle; of a plan for TensorRT, ``out`` with its graphs simulated."""
        folder = self._bundle(plan).folder
        if plan.target == "cpu":
            return folder
        simulate_bundle(folder, out)
        return out

    def samples(self, plan: PrecisionPlan) -> str:
        """As the bundle tells it."""
        note = note_of(self._bundle(plan).manifest, plan.target)
        return str(note.get("samples", {}).get("sha256", ""))

    def blocks(self, submodule: str) -> tuple[str, ...]:
        """None: a bundle that is there is taken as a whole."""
        return ()

    def _bundle(self, plan: PrecisionPlan) -> Bundle:
        for one, bundle in self._ready:
            if plan == one:
                return bundle
        raise UsageError(
            f"there is no bundle of the plan {plan.name}",
            why=f"those there are: {', '.join(one.name for one, _ in self._ready)}",
            fix="give a bundle of it, or the FP32 bundle that it can be made from",
        )


def plan_of(manifest: Manifest, name: str, target: Target = "cpu") -> PrecisionPlan:
    """The plan that a bundle was made by; where it does not tell, the precision of its submodules.

    Args:
        manifest: of the bundle.
        name: of the plan.
        target: which of the bundle's plans: that of its submodules, or of its graphs for TensorRT.
    """
    note = note_of(manifest, target)
    if "plan" in note:
        return plan_from_dict({**note["plan"], "name": name})
    parts = manifest.submodules if target == "cpu" else manifest.tensorrt
    submodules = {
        submodule: SubmodulePlan(part.precision, held_precision=_held(part.precision))
        for submodule, part in parts.items()
    }
    return PrecisionPlan(name, target, submodules)


def note_of(manifest: Manifest, target: Target) -> dict[str, Any]:
    """What a bundle tells of how it was made for a target; may be empty."""
    note = manifest.provenance.get("precision" if target == "cpu" else "tensorrt")
    return note if isinstance(note, dict) else {}


def _held(precision: Precision) -> Precision:
    return "fp16" if precision == "fp16" else "fp32"


class Bundles:
    """Bundles of plans, built when they are first needed; the latest few are kept.

    One that an earlier process left whole is used again.

    Args:
        builder: makes them.
        folder: for those that are built; made where it is missing. Nothing else may lie in it.
        kept: how many stay on the disk.
    """

    def __init__(self, builder: Builder, folder: Path, kept: int = 3) -> None:
        self._builder = builder
        self._folder = folder
        self._kept = kept
        self._places: OrderedDict[str, Path] = OrderedDict()

    def of(self, plan: PrecisionPlan) -> Path:
        """The folder of a plan's bundle.

        Raises:
            SgmnError: it cannot be built.
        """
        identity = self._builder.identity(plan)
        if identity not in self._places:
            self._places[identity] = self._made(plan, identity)
            self._forget()
        self._places.move_to_end(identity)
        return self._places[identity]

    def _made(self, plan: PrecisionPlan, identity: str) -> Path:
        place = self._folder / identity
        if _whole(place):
            return place
        shutil.rmtree(place, ignore_errors=True)
        self._folder.mkdir(parents=True, exist_ok=True)
        return self._builder.build(plan, place)

    def _forget(self) -> None:
        """Remove all but the latest, and what killed processes left."""
        mine = [key for key, place in self._places.items() if place.parent == self._folder]
        for key in mine[: -self._kept]:
            del self._places[key]
        for place in self._folder.glob("*"):
            if place.name not in self._places:
                shutil.rmtree(place)


def _whole(folder: Path) -> bool:
    try:
        open_bundle(folder)
    except BundleError:
        return False
    return True
