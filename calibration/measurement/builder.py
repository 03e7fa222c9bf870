"""Where the bundle of a precision plan comes from."""

from __future__ import annotations

import shutil
from collections import OrderedDict
from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

from export.precision.plan import PrecisionPlan
from runtime.bundle.reader import open_bundle
from runtime.errors import UsageError

FP32 = PrecisionPlan("fp32", "cpu")
"""What all plans are compared with."""


class Builder(Protocol):
    """Makes bundles of plans."""

    @property
    def source(self) -> Path:
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

    def blocks(self, submodule: str) -> tuple[str, ...]:
        """Names of a submodule's blocks that can have INT8, in the order of the network."""


class ReadyBundles:
    """Bundles that are there already, by name of their plan.

    Args:
        source: the FP32 bundle.
        ready: folders of the others.
    """

    def __init__(self, source: Path, ready: Mapping[str, Path]) -> None:
        self._source = source
        self._ready = {FP32.name: source, **ready}

    @property
    def source(self) -> Path:
        """As `Builder.source`."""
        return self._source

    def holds(self, plan: PrecisionPlan) -> bool:
        """Whether there is a bundle of that name."""
        return plan.name in self._ready

    def identity(self, plan: PrecisionPlan) -> str:
        """Digest of the bundle, which names every byte of it."""
        return open_bundle(self._folder(plan)).digest

    def build(self, plan: PrecisionPlan, out: Path) -> Path:
        """The folder of the bundle; nothing is written."""
        return self._folder(plan)

    def blocks(self, submodule: str) -> tuple[str, ...]:
        """None: a bundle that is there is taken as a whole."""
        return ()

    def _folder(self, plan: PrecisionPlan) -> Path:
        if not self.holds(plan):
            raise UsageError(
                f"there is no bundle of the plan {plan.name}",
                why=f"those there are: {', '.join(sorted(self._ready))}",
                fix="give a bundle of it, or the checkpoint that it can be made from",
            )
        return self._ready[plan.name]


class Bundles:
    """Bundles of plans, built when they are first needed; the latest few are kept.

    Args:
        builder: makes them.
        folder: for those that are built; exists, and belongs to this object.
        kept: how many stay on the disk.
    """

    def __init__(self, builder: Builder, folder: Path, kept: int = 3) -> None:
        self._builder = builder
        self._folder = folder
        self._kept = kept
        self._built: OrderedDict[str, Path] = OrderedDict()

    def of(self, plan: PrecisionPlan) -> Path:
        """The folder of a plan's bundle.

        Raises:
            SgmnError: it cannot be built.
        """
        identity = self._builder.identity(plan)
        if identity not in self._built:
            self._built[identity] = self._builder.build(plan, self._folder / identity[:16])
            self._forget()
        self._built.move_to_end(identity)
        return self._built[identity]

    def _forget(self) -> None:
        mine = [key for key, place in self._built.items() if place.parent == self._folder]
        for key in mine[: -self._kept]:
            shutil.rmtree(self._built.pop(key))
