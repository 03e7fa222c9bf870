"""Peak memory of a process that does nothing but steps.

The process is this module: ``python -m calibration.measurement.memory``.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from runtime.engines.settings import EngineSettings
from runtime.errors import EngineError

STATUS = Path("/proc/self/status")
FIELD = "VmHWM"
"""Peak resident memory since the program began; ``getrusage`` would count its parent's as well."""


def peak_memory(bundle: Path, catalog: Path, threads: int, steps: int) -> int | None:
    """Peak resident memory in bytes of a fresh process that opens a bundle and runs steps.

    Args:
        bundle: folder of the bundle.
        catalog: folder of a catalog with vectors of its sizes.
        threads: of a run of a submodule.
        steps: how many.

    Returns:
        None where the kernel does not tell.

    Raises:
        EngineError: the process failed.
    """
    words = [str(bundle), str(catalog), str(threads), str(steps)]
    ran = subprocess.run(
        [sys.executable, "-m", "calibration.measurement.memory", *words],
        capture_output=True,
        text=True,
        check=False,
    )
    if ran.returncode:
        last = ran.stderr.strip().splitlines()[-1:] or [f"it ended with {ran.returncode}"]
        raise EngineError(
            f"the memory of {bundle.name} cannot be measured",
            why=last[0],
            fix="free memory, or try the bundle: sgmn doctor",
        )
    return int(ran.stdout) or None


def own_peak(status: Path = STATUS) -> int:
    """Peak resident memory of this process in bytes; 0 where the kernel does not tell."""
    try:
        lines = status.read_text(encoding="ascii").splitlines()
    except OSError:
        return 0
    found = [line.split()[1] for line in lines if line.startswith(f"{FIELD}:")]
    return int(found[0]) * 1024 if found else 0


def _run(bundle: Path, catalog: Path, threads: int, steps: int) -> int:
    from calibration.bench.harness import StepHarness
    from runtime.catalog.sqlite_catalog import SqliteCatalog
    from runtime.network import Network

    with (
        SqliteCatalog.open(catalog) as shelf,
        StepHarness(Network.open(bundle, EngineSettings(threads=threads)), shelf) as harness,
    ):
        for number in range(steps):
            harness.step(number)
    return own_peak()


if __name__ == "__main__":
    peak = _run(Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4]))
    sys.stdout.write(f"{peak}\n")
