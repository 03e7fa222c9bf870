"""All engines of a bundle, one after the other, resuming where an earlier build stopped."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from export.tensorrt.build_report import BuildOptions, BuildReport, Finished
from export.tensorrt.child import Child, Watch
from export.tensorrt.job import BuildJob, Built, Probed, ProbeJob, Progress
from export.tensorrt.memory import require_memory
from export.tensorrt.profiles import Profile, profile
from export.tensorrt.trial import Trial
from export.tensorrt.versions import check_version
from export.tensorrt.workplace import STAGING, require_room, workplace
from runtime import machine
from runtime.bundle.files import file_digest
from runtime.bundle.manifest import SUBMODULES, Submodule
from runtime.bundle.reader import Bundle
from runtime.engines.cuda import ask_driver
from runtime.engines.engine_store import EngineStore, fingerprint_here
from runtime.engines.fingerprint import EngineRecord
from runtime.errors import BuildError, EngineError
from runtime.version import __version__

Tell = Callable[[str], None]

RULES = "rules-2"
"""Stands among the flags of a record; another number makes engines be built again."""


@dataclass(frozen=True)
class _Wanted:
    """An engine to be had.

    Attributes:
        name: of the submodule.
        part: its graph.
        digest: hex SHA-256 of that.
        shapes: least, usual and largest, by input.
        staging: a folder for this engine alone, gone at the end.
        trial: what the engine has to pass.
    """

    name: str
    part: Submodule
    digest: str
    shapes: Profile
    staging: Path
    trial: Trial

    @property
    def profile(self) -> dict[str, tuple[list[int], list[int], list[int]]]:
        """The shapes as a side-car has them."""
        return {
            name: (list(least), list(usual), list(largest))
            for name, (least, usual, largest) in self.shapes.items()
        }


class BundleBuilder:
    """Builds the engines of one bundle on one GPU.

    Args:
        bundle: verified.
        options: what the user chose.
        tell: takes lines for people.
        child: does the work that needs TensorRT.
    """

    def __init__(
        self, bundle: Bundle, options: BuildOptions, tell: Tell, child: Child | None = None
    ) -> None:
        self._bundle = bundle
        self._options = options
        self._tell = tell
        self._child = child or Child()
        self._warnings: list[str] = []

    def build(self) -> BuildReport:
        """Build what is not there yet.

        Raises:
            BuildError: there is nothing to build from, the release of TensorRT is refused, memory
                is short, another build is running, or an engine fails. Engines that were finished
                before stay.
            GpuError: there is no driver or no such device.
            StorageError: the folder cannot be written or the disk is full.
        """
        graphs = self._graphs()
        gpu = ask_driver(self._options.device)
        probed = self._probe()
        self._tell(f"GPU {gpu.ordinal} of {gpu.devices}: {gpu.name}, TensorRT {probed.tensorrt}")
        for warning in check_version(
            probed.tensorrt, gpu.compute_capability, allow_untested=self._options.allow_untested
        ):
            self._warn(warning)
        fingerprint = fingerprint_here(gpu, probed.tensorrt)
        store = EngineStore(self._options.out.absolute(), self._bundle.digest, fingerprint)
        with workplace(store):
            engines = tuple(self._engine(store, name, graphs[name], probed) for name in SUBMODULES)
        return BuildReport(
            gpu,
            probed.tensorrt,
            store.folder,
            store.timing_cache,
            engines,
            tuple(self._warnings),
        )

    def _graphs(self) -> dict[str, Submodule]:
        manifest = self._bundle.manifest
        if not self._options.exact:
            if manifest.tensorrt:
                return manifest.tensorrt
            raise BuildError(
                "the bundle has no graphs for TensorRT",
                why=f"{self._bundle.folder} was made for the processor",
                fix="make them on a workstation: sgmn quantize BUNDLE --target tensorrt",
            )
        if any(part.precision != "fp32" for part in manifest.submodules.values()):
            raise BuildError(
                "the bundle has no FP32 submodules",
                why="some of its submodules are quantized for the processor",
                fix="give the bundle that `sgmn export` wrote",
            )
        return manifest.submodules

    def _probe(self) -> Probed:
        job = ProbeJob(device=self._options.device)
        return Probed.model_validate(self._child.do("probe", job, _silent))

    def _engine(self, store: EngineStore, name: str, part: Submodule, probed: Probed) -> Finished:
        with tempfile.TemporaryDirectory(prefix=STAGING, dir=store.folder) as staging:
            wanted = self._wanted(name, part, Path(staging))
            found = None
            if not self._options.rebuild:
                found = self._kept(store, wanted) or self._copied(store, wanted)
            if found is None:
                self._require_room(store, probed, part)
                found = self._built(store, wanted)
        self._tell(_line(name, found))
        return found

    def _wanted(self, name: str, part: Submodule, staging: Path) -> _Wanted:
        shapes = profile(name, part, self._bundle.manifest)
        trial = Trial(
            self._bundle,
            name,
            part,
            shapes,
            device=self._options.device,
            staging=staging,
            child=self._child,
            watch=self._watch(name),
        )
        digest = self._bundle.manifest.files[part.file].sha256
        return _Wanted(name, part, digest, shapes, staging, trial)

    def _kept(self, store: EngineStore, wanted: _Wanted) -> Finished | None:
        plan = store.plan(wanted.name, wanted.part.precision)
        try:
            record = store.record(wanted.name, wanted.part.precision)
        except EngineError:
            return None  # damaged; it is built anew
        if record is None or not self._fits(store, plan, record, wanted):
            return None
        return Finished(plan, record, "kept") if self._works(plan, wanted) else None

    def _copied(self, store: EngineStore, wanted: _Wanted) -> Finished | None:
        for plan, record in store.elsewhere(wanted.name, wanted.part.precision):
            if self._fits(store, plan, record, wanted):
                copy = Path(shutil.copyfile(plan, wanted.staging / plan.name))
                if self._works(copy, wanted):
                    return Finished(store.put(copy, record), record, "copied")
        return None

    def _fits(self, store: EngineStore, plan: Path, record: EngineRecord, wanted: _Wanted) -> bool:
        """Whether a build would come to this engine, and the plan is the one that was recorded."""
        same = (
            record.onnx_sha256 == wanted.digest
            and record.fingerprint == store.fingerprint
            and record.precision_asked == wanted.part.precision
            and record.profile == wanted.profile
            and RULES in record.flags
            and (self._options.allow_fallback or not record.fell_back)
        )
        return same and plan.is_file() and file_digest(plan) == record.plan_sha256

    def _works(self, plan: Path, wanted: _Wanted) -> bool:
        why = wanted.trial.why_unfit(plan)
        if why:
            self._tell(f"{wanted.name}: the engine of an earlier build is left out: {why}")
        return not why

    def _require_room(self, store: EngineStore, probed: Probed, part: Submodule) -> None:
        size = self._bundle.manifest.files[part.file].size_bytes
        require_memory(
            size,
            self._options.workspace_bytes,
            host_free=machine.memory_bytes()[1],
            device_free=probed.free_bytes,
        )
        require_room(store, size)

    def _built(self, store: EngineStore, wanted: _Wanted) -> Finished:
        options, name, part = self._options, wanted.name, wanted.part
        plan = wanted.staging / store.plan(name, part.precision).name
        job = BuildJob(
            submodule=name,
            graph=self._bundle.folder.absolute() / part.file,
            graph_sha256=wanted.digest,
            inputs=part.inputs,
            outputs=part.outputs,
            profile=wanted.shapes,
            workspace_bytes=options.workspace_bytes,
            out=plan,
            timing_cache=store.timing_cache,
            shipped_timing_cache=options.timing_cache and options.timing_cache.absolute(),
            allow_fallback=options.allow_fallback,
            device=options.device,
        )
        built = Built.model_validate(self._child.do("build", job, self._watch(name)))
        for note in built.notes:
            self._warn(note)
        parity = wanted.trial.require_parity(plan)
        record = EngineRecord(
            submodule=name,
            plan_sha256=file_digest(plan),
            plan_bytes=plan.stat().st_size,
            onnx_sha256=wanted.digest,
            fingerprint=store.fingerprint,
            profile=wanted.profile,
            flags=(*built.flags, RULES),
            precision_asked=part.precision,
            precision_found=built.precision_found,
            fell_back=tuple(one[0] for one in built.fallen),
            timing_cache_sha256=built.timing_cache_sha256,
            build_seconds=built.build_seconds,
            peak_memory_bytes=built.peak_memory_bytes,
            parity=[one.as_dict() for one in parity],
            built_with=__version__,
        )
        return Finished(store.put(plan, record), record, "built")

    def _watch(self, name: str) -> Watch:
        def watch(seconds: float, progress: Progress) -> None:
            steps = f", {progress.phase} {progress.done}/{progress.of}" if progress.phase else ""
            self._tell(f"{name}: {seconds:.0f} s{steps}")

        return watch

    def _warn(self, warning: str) -> None:
        self._warnings.append(warning)
        self._tell(f"Warning: {warning}")


def _line(name: str, finished: Finished) -> str:
    record = finished.record
    found = ", ".join(f"{n} {kind}" for kind, n in sorted(record.precision_found.items()))
    worst = min((one["cosine"] for one in record.parity), default=1.0)
    return (
        f"{name}: {finished.outcome}, {record.precision_asked}, {record.plan_bytes / 1e6:.1f} MB, "
        f"{record.build_seconds:.0f} s; layers: {found or 'unknown'}; least cosine {worst:.5f}"
    )


def _silent(seconds: float, progress: Progress) -> None:
    """Says nothing: it takes a second."""
