"""Whether the engines on the disk are those of this bundle and of this machine.

All of it is asked before a byte of a plan is read: TensorRT offers no way to ask, a plan carries
code, and one that does not fit may crash the process that loads it.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from runtime.bundle.files import open_plain
from runtime.bundle.manifest import SUBMODULES
from runtime.bundle.reader import Bundle
from runtime.engines.engine_store import EngineStore
from runtime.engines.fingerprint import EngineRecord, Fingerprint, read_record, side_car
from runtime.engines.ownership import why_unsafe
from runtime.errors import EngineError, GpuError, GpuReason

_TIED: dict[str, GpuReason] = {
    "tensorrt": "tensorrt-version",
    "platform": "platform",
    "compute_capability": "compute-capability",
    "gpu": "gpu",
}
"""Fields of a fingerprint that a plan is tied to; of several, the first is told."""

BUILD = "run `sgmn build`"


@dataclass(frozen=True)
class EngineFile:
    """A plan that may be loaded.

    Attributes:
        plan: the file.
        record: its side-car.
        changed: fields of the fingerprint that differ but do not tie a plan, as
            "driver 535, here is 550".
    """

    plan: Path
    record: EngineRecord
    changed: tuple[str, ...]


def find_engines(bundle: Bundle, root: Path, here: Fingerprint) -> dict[str, EngineFile]:
    """The five engines of a bundle for this machine.

    Args:
        bundle: verified; has graphs for TensorRT.
        root: the folder of all engines.
        here: this machine.

    Raises:
        GpuError: why they cannot be used.
    """
    store = EngineStore(root, bundle.digest, here)
    try:
        if not _has_plans(store.folder):
            raise _elsewhere(root / bundle.digest, here)
        _require_safe(root, store.folder)
        return {name: _engine_file(bundle, name, store) for name in SUBMODULES}
    except OSError as error:
        raise _unreadable(error, root) from error


def _has_plans(folder: Path) -> bool:
    # Not by a pattern, which finds nothing where nothing may be read.
    try:
        return any(name.endswith(".plan") for name in os.listdir(folder))
    except FileNotFoundError:
        return False


def _engine_file(bundle: Bundle, name: str, store: EngineStore) -> EngineFile:
    graph = bundle.manifest.tensorrt[name]
    plan = store.plan(name, graph.precision)
    if not plan.exists() or not side_car(plan).exists():
        raise GpuError(
            f"there is no engine for the {name}",
            reason="no-engine",
            why=f"{plan} or the file beside it is missing",
            fix=BUILD,
        )
    for file in (plan, side_car(plan)):
        _require_own(file)
        open_plain(file).close()
    try:
        record = read_record(plan)
    except EngineError as error:
        raise _unusable(name, "damaged", error.why) from error
    if record.submodule != name:
        raise _unusable(name, "swapped-submodule", f"{plan.name} is for the {record.submodule}")
    _require_fit(name, record, store.fingerprint)
    if record.onnx_sha256 != bundle.manifest.files[graph.file].sha256:
        raise _unusable(name, "other-graph", f"it was not built from the bundle's {graph.file}")
    return EngineFile(plan, record, _changed(record, store.fingerprint))


def _require_fit(name: str, record: EngineRecord, here: Fingerprint) -> None:
    differences = record.fingerprint.differences(here)
    for field, reason in _TIED.items():
        if field in differences:
            built, found = differences[field]
            said = f"built with {_words(field)} {built}, here is {found}"
            raise _unusable(name, reason, said)


def _changed(record: EngineRecord, here: Fingerprint) -> tuple[str, ...]:
    differences = record.fingerprint.differences(here)
    return tuple(
        f"{_words(field)} {built}, here is {found}"
        for field, (built, found) in differences.items()
        if field not in _TIED
    )


def _elsewhere(folder: Path, here: Fingerprint) -> GpuError:
    """Why nothing lies under this machine's name: what was built, was built for another one."""
    for plan in sorted(folder.glob("*/*.plan")):
        try:
            record = read_record(plan)
            _require_fit(record.submodule, record, here)
        except GpuError as error:
            return error
        except EngineError:
            continue
    return GpuError(
        "there are no engines for this bundle",
        reason="no-engine",
        why=f"none have been built in {folder.parent}",
        fix=BUILD,
    )


def _require_safe(root: Path, folder: Path) -> None:
    for place in (root, *_between(root, folder), folder):
        _require_own(place)


def _between(root: Path, folder: Path) -> Iterator[Path]:
    yield from (place for place in folder.parents if root in place.parents)


def _require_own(place: Path) -> None:
    why = why_unsafe(place)
    if why:
        raise GpuError(
            "the engines are not safe to load",
            reason="unsafe-folder",
            why=f"{why}, and engines carry code",
            fix=f"remove {place} and run `sgmn build`, as root or the user who runs this",
        )


def _unreadable(error: OSError, root: Path) -> GpuError:
    return GpuError(
        "the engines cannot be read",
        reason="unreadable",
        why=f"{error.filename}: {error.strerror}",
        fix=f"let the user who runs this read them: `chmod -R a+rX {root}`",
    )


def _unusable(name: str, reason: GpuReason, why: str) -> GpuError:
    return GpuError(f"the engine of the {name} cannot be used", reason=reason, why=why, fix=BUILD)


def _words(field: str) -> str:
    names = {"tensorrt": "TensorRT", "gpu": "the GPU", "cuda": "CUDA"}
    return names.get(field, field.replace("_", " "))
