"""What a section works with: prepared networks, engines built before, and a machine."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

from calibration.gpu_check.job import PRECISIONS, Job
from calibration.gpu_check.outcome import SkippedError
from export.tensorrt.child import Child
from runtime.bundle.reader import Bundle, open_bundle
from runtime.engines.selection import HERE, Machine, choose_engines
from runtime.network import Network


class Tell(Protocol):
    """Takes what a section finds, as it finds it; later values replace earlier ones."""

    def __call__(self, **found: object) -> None:
        """Keep these, JSON-ready."""


@dataclass(frozen=True)
class Lab:
    """The place of one section.

    Attributes:
        job: what all sections share.
        here: the machine; a test has another one.
        make_child: gives what does the work of `sgmn build`.
        limit_s: seconds that the section has.
    """

    job: Job
    here: Machine = HERE
    make_child: Callable[[], Child] = Child
    limit_s: float = 60.0

    @property
    def engines(self) -> Path:
        """Folder of all engines that are built here."""
        return self.job.work / "engines"

    @property
    def machine(self) -> Machine:
        """The machine, with engines and notes of crashes in the work folder."""
        return replace(self.here, engines=lambda: self.engines, state=lambda: self._state)

    @property
    def _state(self) -> Path:
        return self.job.work / "state"

    def forget_crashes(self) -> None:
        """Start anew: a crash is told by the section that it ended, and must not stop another."""
        shutil.rmtree(self._state, ignore_errors=True)

    def bundle(self, preset: str, precision: str) -> Bundle:
        """A prepared network, verified.

        Raises:
            BundleError: it is missing or damaged.
        """
        return open_bundle(self.job.material / preset / precision)

    @contextmanager
    def network(self, preset: str, precision: str) -> Iterator[Network]:
        """A network on its TensorRT engines.

        Raises:
            GpuError: they cannot be used.
        """
        bundle = self.bundle(preset, precision)
        choice = choose_engines(bundle, "forbid", self.machine)
        with Network.of(bundle, choice=choice) as network:
            yield network

    def built(self, preset: str) -> list[str]:
        """Precisions in which all engines of a network are there.

        Raises:
            SkippedError: there are none.
        """
        found = [p for p in PRECISIONS if self._is_built(preset, p)]
        if not found:
            raise SkippedError(
                f"no engines of {preset} can be used",
                why="building them failed or was cut",
                fix="run it again with the same --work, where building goes on",
            )
        return found

    def _is_built(self, preset: str, precision: str) -> bool:
        bundle = self.bundle(preset, precision)
        graphs = bundle.manifest.tensorrt
        wanted = {f"{name}.{part.precision}.plan.json" for name, part in graphs.items()}
        folders = (self.engines / bundle.digest).glob("*")
        return any(wanted <= {file.name for file in folder.glob("*.json")} for folder in folders)


def processor_of(bundle: Bundle) -> Network:
    """The FP32 submodules of a prepared bundle in ONNX Runtime, to be opened by a ``with`` block.

    Raises:
        EngineError: a submodule does not load.
    """
    return Network.of(bundle)
