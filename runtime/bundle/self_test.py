"""Does a bundle compute on this machine what its maker stored?

Run as ``python -m runtime.bundle.self_test FOLDER`` it prints one line of JSON: an engine that
crashes then takes only this process with it.
"""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from runtime.bundle.reader import Bundle, open_bundle
from runtime.bundle.vectors import Array, Vectors, read_vectors
from runtime.engines.engine import Engine
from runtime.engines.opening import onnxruntime_engine
from runtime.engines.settings import EngineSettings
from runtime.errors import BundleError, EngineError, SelfTestError
from runtime.processes import signal_name

TIMEOUT_S = 300.0

_ROOT = Path(__file__).resolve().parent.parent.parent
_DOCTOR = "keep the bundle in use; send the maker this message and `sgmn doctor --json`"


@dataclass(frozen=True)
class Check:
    """How far one submodule is from what its maker stored.

    Attributes:
        submodule: its name.
        error: length of the error over the length of the expected output, of the worst output;
            infinite where a number is not finite or a shape differs.
        tolerance: the most that is allowed.
    """

    submodule: str
    error: float
    tolerance: float

    @property
    def passed(self) -> bool:
        """Whether the error is small enough."""
        return self.error <= self.tolerance

    def as_dict(self) -> dict[str, Any]:
        """JSON-ready fields; an infinite error is null."""
        error = self.error if np.isfinite(self.error) else None
        return {**asdict(self), "error": error, "passed": self.passed}


def run_self_test(bundle: Bundle) -> list[Check]:
    """Load every submodule of a verified bundle and run those it has stored vectors for.

    Raises:
        BundleError: the stored vectors cannot be read.
        EngineError: a submodule does not load or run.
    """
    stored, checks = read_vectors(bundle), []
    for name in bundle.manifest.submodules:
        with submodule_engine(bundle, name) as engine:
            if name in stored and bundle.manifest.self_test is not None:
                tolerance = bundle.manifest.self_test.tolerance[name]
                checks.append(Check(name, worst_error(engine, stored[name]), tolerance))
    return checks


def submodule_engine(bundle: Bundle, name: str) -> Engine:
    """An engine for one submodule on one thread of the processor, not open yet."""
    return onnxruntime_engine(bundle, name, EngineSettings(threads=1))


def worst_error(engine: Engine, stored: Vectors) -> float:
    """The error of the worst output; see `Check`."""
    found = engine.run(stored.feeds)
    return max(_error(want, found[name]) for name, want in stored.outputs.items())


def _error(want: Array, got: Array) -> float:
    if want.shape != got.shape:
        return float("inf")
    length = float(np.linalg.norm(want.astype(np.float64))) or 1.0
    error = float(np.linalg.norm(want.astype(np.float64) - got)) / length
    return error if np.isfinite(error) else float("inf")


def run_apart(folder: Path) -> list[Check]:
    """Run the self-test in a process of its own.

    Returns:
        One check a submodule; none where the bundle has no stored vectors and was only loaded.

    Raises:
        SelfTestError: a submodule crashes, does not load, or is too far from what was stored.
    """
    # The working folder makes this very package the one that is found.
    command = [sys.executable, "-m", "runtime.bundle.self_test", str(folder.absolute())]
    try:
        done = subprocess.run(
            command,
            cwd=_ROOT,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=TIMEOUT_S,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise _failed(f"it did not end within {TIMEOUT_S:.0f} s") from error
    if done.returncode < 0:
        hint = ", as when memory runs out" if -done.returncode == signal.SIGKILL else ""
        raise _failed(f"it crashed ({signal_name(-done.returncode)}{hint})")
    try:
        answer = json.loads(done.stdout.splitlines()[-1])
    except (ValueError, IndexError) as error:
        said = done.stderr.decode("utf-8", "replace").strip().splitlines()[-1:]
        raise _failed(f"it broke off ({''.join(said) or 'without a word'})") from error
    if "error" in answer:
        raise _failed(answer["error"])
    checks = [Check(c["submodule"], _number(c["error"]), c["tolerance"]) for c in answer["checks"]]
    bad = [check for check in checks if not check.passed]
    if bad:
        raise _failed("; ".join(map(_off, bad)))
    return checks


def _number(value: float | None) -> float:
    return float("inf") if value is None else value


def _off(check: Check) -> str:
    return f"{check.submodule} is off by {check.error:.3g} (allowed {check.tolerance:g})"


def _failed(why: str) -> SelfTestError:
    return SelfTestError("the bundle fails its self-test on this machine", why=why, fix=_DOCTOR)


def main(folder: Path) -> dict[str, Any]:
    """What the child process answers."""
    try:
        return {"checks": [check.as_dict() for check in run_self_test(open_bundle(folder))]}
    except (BundleError, EngineError) as error:
        return {"error": f"{error.what}: {error.why}"}


def _go_first() -> None:
    """Where memory runs out the kernel shall end this process, not the kiosk. Source: proc(5)."""
    with suppress(OSError):  # not on every system
        Path("/proc/self/oom_score_adj").write_text("1000")


if __name__ == "__main__":
    _go_first()
    sys.stdout.write(json.dumps(main(Path(sys.argv[1]))) + "\n")
