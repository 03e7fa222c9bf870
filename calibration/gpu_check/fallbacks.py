"""Engines that must not run: what is said of each, against what must be said."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from calibration.gpu_check.cases import EXPECTED, TRIALS
from calibration.gpu_check.lab import Lab, Tell
from calibration.gpu_check.outcome import SkippedError
from export.tensorrt.bundle_builder import BuildOptions, BundleBuilder
from runtime.bundle.files import file_digest
from runtime.bundle.reader import Bundle
from runtime.engines.crash_guard import CRASHES
from runtime.engines.cuda import Cuda
from runtime.engines.fingerprint import read_record, side_car
from runtime.engines.selection import Machine, choose_engines, crash_guard
from runtime.engines.settings import Fallback
from runtime.errors import EngineError, GpuError, SgmnError
from runtime.machine import driver_version

TOO_MUCH = 1 << 50
"""Bytes of scratch memory that no GPU has."""

SPARE_BYTES = 1 << 20
"""Left free of a GPU whose memory has run out."""


@dataclass(frozen=True)
class Copy:
    """A copy of good engines, to be spoilt.

    Attributes:
        bundle: whose engines they are.
        machine: that looks for them in the copy.
        folder: of the five plans.
    """

    bundle: Bundle
    machine: Machine
    folder: Path

    def plan(self, name: str) -> Path:
        """The plan of a submodule."""
        return self.folder / f"{name}.{self.bundle.manifest.tensorrt[name].precision}.plan"

    def change(self, name: str, **fields: Any) -> None:
        """Change the record of an engine."""
        record = read_record(self.plan(name)).model_copy(update=fields)
        side_car(self.plan(name)).write_text(record.model_dump_json())

    def change_fingerprint(self, **fields: str) -> None:
        """Make all engines those of another machine."""
        for name in self.bundle.manifest.tensorrt:
            made = read_record(self.plan(name)).fingerprint.model_copy(update=fields)
            self.change(name, fingerprint=made)

    def record_anew(self, name: str) -> None:
        """Let the record vouch for the plan that is there now."""
        plan = self.plan(name)
        self.change(name, plan_sha256=file_digest(plan), plan_bytes=plan.stat().st_size)

    def outcome(self, fallback: Fallback = "allow") -> str:
        """What a kiosk would say: the label of its selection."""
        try:
            choice = choose_engines(self.bundle, fallback, self.machine)
        except GpuError as error:
            return f"refused:{error.reason}"
        if choice.engine_set is not None:
            choice.engine_set.close()
        return choice.selection.label


def refused_unread(lab: Lab, tell: Tell, preset: str, precision: str) -> None:
    """All cases that are told before TensorRT reads what is wrong.

    Raises:
        EngineError: an outcome is another than expected.
    """
    _try_all(lab, tell, lab.bundle(preset, precision), EXPECTED)


def refused_by_tensorrt(lab: Lab, tell: Tell, preset: str, precision: str, case: str) -> None:
    """One case in which TensorRT itself must refuse.

    Raises:
        EngineError: the outcome is another than expected.
        SkippedError: the case would harm this machine.
    """
    _try_all(lab, tell, lab.bundle(preset, precision), {case: TRIALS[case]})


def _try_all(lab: Lab, tell: Tell, bundle: Bundle, expected: dict[str, str]) -> None:
    cases: dict[str, dict[str, str]] = {}
    for case, wanted in expected.items():
        cases[case] = {"expected": wanted, "found": "no answer"}
        tell(cases=cases)
        with _copied(lab, bundle) as copy:
            cases[case]["found"] = _SPOIL[case](copy, lab)
        tell(cases=cases)
    wrong = [name for name, one in cases.items() if one["found"] != one["expected"]]
    if wrong:
        first = cases[wrong[0]]
        raise EngineError(
            f"{len(wrong)} of {len(cases)} broken installations are told wrong",
            why=f"{wrong[0]}: {first['found']} instead of {first['expected']}",
            fix="compare with docs/guides/kiosk.md",
        )


@contextmanager
def _copied(lab: Lab, bundle: Bundle) -> Iterator[Copy]:
    place = lab.job.work / "spoilt"
    shutil.rmtree(place, ignore_errors=True)
    place.mkdir(mode=0o700, parents=True)
    source = next(folder for folder in (lab.engines / bundle.digest).glob("*") if folder.is_dir())
    folder = place / "engines" / bundle.digest / source.name
    shutil.copytree(source, folder)
    machine = replace(lab.here, engines=lambda: place / "engines", state=lambda: place / "state")
    try:
        yield Copy(bundle, machine, folder)
    finally:
        shutil.rmtree(place)


def _as_built(copy: Copy, lab: Lab) -> str:
    return copy.outcome()


def _missing_engine(copy: Copy, lab: Lab) -> str:
    copy.plan("reranker").unlink()
    return copy.outcome()


def _no_engines(copy: Copy, lab: Lab) -> str:
    shutil.rmtree(copy.folder)
    return copy.outcome()


def _forbidden(copy: Copy, lab: Lab) -> str:
    copy.plan("reranker").unlink()
    return copy.outcome("forbid")


def _other(**fields: str) -> Callable[[Copy, Lab], str]:
    def spoil(copy: Copy, lab: Lab) -> str:
        copy.change_fingerprint(**fields)
        return copy.outcome()

    return spoil


def _other_graph(copy: Copy, lab: Lab) -> str:
    copy.change("item_head", onnx_sha256="0" * 64)
    return copy.outcome()


def _truncate(file: Path) -> None:
    data = file.read_bytes()
    file.write_bytes(data[: 2 * len(data) // 3])


def _truncated_plan(copy: Copy, lab: Lab) -> str:
    _truncate(copy.plan("query_head"))
    return copy.outcome()


def _truncated_record(copy: Copy, lab: Lab) -> str:
    _truncate(side_car(copy.plan("query_head")))
    return copy.outcome()


def _truncated_with_record(copy: Copy, lab: Lab) -> str:
    _truncate(copy.plan("query_head"))
    copy.record_anew("query_head")
    return copy.outcome()


def _swapped_files(copy: Copy, lab: Lab) -> str:
    for of in (lambda plan: plan, side_car):
        shutil.copyfile(of(copy.plan("query_head")), of(copy.plan("reranker")))
    return copy.outcome()


def _swapped_with_record(copy: Copy, lab: Lab) -> str:
    shutil.copyfile(copy.plan("query_head"), copy.plan("reranker"))
    copy.record_anew("reranker")
    return copy.outcome()


def _unsafe_folder(copy: Copy, lab: Lab) -> str:
    copy.folder.chmod(0o777)
    return copy.outcome()


def _crash_loop(copy: Copy, lab: Lab) -> str:
    folder = crash_guard(copy.bundle, copy.machine).folder
    folder.mkdir(parents=True)
    for number in range(CRASHES):
        (folder / f"start-{number}").touch()
    return copy.outcome()


def _huge_workspace(copy: Copy, lab: Lab) -> str:
    options = BuildOptions(out=lab.job.work / "spoilt" / "built", workspace_bytes=TOO_MUCH)
    try:
        BundleBuilder(copy.bundle, options, lambda line: None, lab.make_child()).build()
    except SgmnError as error:
        return f"refused:{error.code}"
    return "built"


def _out_of_memory(copy: Copy, lab: Lab) -> str:
    if driver_version().startswith("L4T"):
        raise SkippedError(
            "the memory of a Jetson is not filled",
            why="it is that of the whole system, which would end other programs",
            fix="nothing is to be done",
        )
    crowded = replace(copy.machine, cuda=lambda: Crowded(lab.here.cuda()))
    return replace(copy, machine=crowded).outcome()


class Crowded:
    """A `Cuda` whose device has next to no memory left once it is open.

    Args:
        cuda: not open.
    """

    def __init__(self, cuda: Cuda) -> None:
        self._cuda = cuda
        self._taken: list[int] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._cuda, name)

    def open(self, ordinal: int = 0) -> None:
        """Open, and take all memory but `SPARE_BYTES`."""
        self._cuda.open(ordinal)
        size = self._cuda.memory()[0]
        while size > SPARE_BYTES:
            try:
                self._taken.append(self._cuda.alloc(size))
            except GpuError:  # in one piece there is not as much
                size //= 2
            else:
                size = min(size, self._cuda.memory()[0])

    def close(self) -> None:
        """Give it back and close."""
        while self._taken:
            self._cuda.free(self._taken.pop())
        self._cuda.close()


_SPOIL: dict[str, Callable[[Copy, Lab], str]] = {
    "as-built": _as_built,
    "missing-engine": _missing_engine,
    "no-engines": _no_engines,
    "forbidden": _forbidden,
    "other-gpu": _other(gpu="Another GPU"),
    "other-compute-capability": _other(compute_capability="1.0"),
    "other-tensorrt": _other(tensorrt="0.1"),
    "other-platform": _other(platform="plan9-mips"),
    "other-graph": _other_graph,
    "truncated-plan": _truncated_plan,
    "truncated-record": _truncated_record,
    "truncated-with-record": _truncated_with_record,
    "swapped-files": _swapped_files,
    "swapped-with-record": _swapped_with_record,
    "unsafe-folder": _unsafe_folder,
    "crash-loop": _crash_loop,
    "huge-workspace": _huge_workspace,
    "out-of-memory": _out_of_memory,
}
