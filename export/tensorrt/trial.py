"""Engines are tried on inputs whose outputs are known before they count."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import islice
from pathlib import Path
from typing import Any, Final

import numpy as np

from export.tensorrt.child import Child, Watch
from export.tensorrt.job import RunJob
from export.tensorrt.parity import EngineParity, measure_parity, require_parity
from export.tensorrt.profiles import Profile
from export.tensorrt.references import Feeds, cases, reference
from runtime.bundle.manifest import Submodule
from runtime.bundle.reader import Bundle
from runtime.errors import BuildError, GpuError, GpuReason

PLAN_AT_FAULT: Final[frozenset[GpuReason]] = frozenset({"damaged", "swapped-submodule", "tensorrt"})
"""Failures of an engine that building it anew may mend."""


class Trial:
    """Runs engines of one submodule and holds them against ONNX Runtime.

    Args:
        bundle: verified.
        name: the submodule's.
        part: the graph that the engines are of.
        shapes: their profile.
        device: ordinal of the GPU.
        staging: folder for inputs and outputs, which stay in it.
        child: runs them.
        watch: told of progress.
    """

    def __init__(
        self,
        bundle: Bundle,
        name: str,
        part: Submodule,
        shapes: Profile,
        *,
        device: int,
        staging: Path,
        child: Child,
        watch: Watch,
    ) -> None:
        self._bundle = bundle
        self._name = name
        self._part = part
        self._shapes = shapes
        self._device = device
        self._staging = staging
        self._child = child
        self._watch = watch

    def require_parity(self, plan: Path) -> list[EngineParity]:
        """Try a new engine on all inputs.

        Raises:
            BuildError: it crashes, or computes something else than its graph.
            GpuError: it does not load or run.
            BundleError: the stored inputs cannot be read.
        """
        return self._required(self._cases(), plan)

    def why_unfit(self, plan: Path) -> str:
        """Why an engine of an earlier build is of no use; empty where it is.

        Its record may fit while the engine does not: a device that found it wrong asks for another
        one. A single input shows that; all of them take long on a small processor.

        Raises:
            GpuError: it is not the engine's fault.
            BundleError: the stored inputs cannot be read.
        """
        try:
            self._required(dict(islice(self._cases().items(), 1)), plan)
        except BuildError as error:
            return f"{error.what}: {error.why}"
        except GpuError as error:
            if error.reason not in PLAN_AT_FAULT:
                raise
            return f"{error.what}: {error.why}"
        return ""

    def _cases(self) -> dict[str, Feeds]:
        return cases(self._bundle, self._name, self._part, self._shapes)

    def _required(self, tried: Mapping[str, Feeds], plan: Path) -> list[EngineParity]:
        found = self._measured(tried, plan)
        require_parity(self._name, self._part.precision, found)
        return found

    def _measured(self, tried: Mapping[str, Feeds], plan: Path) -> list[EngineParity]:
        part = self._part
        feeds, out = self._staging / "feeds.npz", self._staging / "outputs.npz"
        arrays: dict[str, Any] = {
            f"{case}/{key}": values
            for case, given in tried.items()
            for key, values in given.items()
        }
        np.savez(feeds, **arrays)
        job = RunJob(
            submodule=self._name,
            plan=plan,
            inputs=part.inputs,
            outputs=part.outputs,
            feeds=feeds,
            out=out,
            cases=tuple(tried),
            device=self._device,
        )
        self._child.do("run", job, self._watch)
        found: list[EngineParity] = []
        with np.load(out, allow_pickle=False) as archive:
            for case, given in tried.items():
                want = reference(self._bundle.folder / part.file, part, given)
                got = {key: archive[f"{case}/{key}"] for key in want}
                found += measure_parity(case, want, got)
        return found
