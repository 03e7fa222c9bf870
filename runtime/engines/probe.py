"""Which engines would run a bundle, asked in a process of its own.

Run as ``python -m runtime.engines.probe FOLDER FALLBACK`` it prints one line of JSON. A driver
or an engine that crashes then takes only this process with it.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import cast

from runtime.bundle.reader import open_bundle
from runtime.engines.crash_guard import CRASHES
from runtime.engines.selection import Selection, choose_engines
from runtime.engines.settings import Fallback
from runtime.errors import GpuError
from runtime.home import environment
from runtime.processes import signal_name

TIMEOUT_S = 120.0
_ROOT = Path(__file__).resolve().parents[2]


def probe(bundle: Path, fallback: Fallback) -> Selection:
    """The outcome for a verified bundle.

    Args:
        bundle: its folder.
        fallback: whether ONNX Runtime may take the place of TensorRT.
    """
    try:
        done = subprocess.run(
            [sys.executable, "-m", "runtime.engines.probe", str(bundle.absolute()), fallback],
            cwd=_ROOT,
            env=environment(),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=TIMEOUT_S,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return _broken(f"did not end within {TIMEOUT_S:.0f} s")
    if done.returncode < 0:
        return _broken(f"crashed ({signal_name(-done.returncode)})")
    try:
        fields = json.loads(done.stdout.splitlines()[-1])
    except (ValueError, IndexError):
        said = done.stderr.strip().splitlines()[-1:]
        return _broken(f"broke off ({''.join(said) or 'without a word'})")
    return Selection(**{**fields, "warnings": tuple(fields["warnings"])})


def _broken(how: str) -> Selection:
    return Selection(
        "refused",
        "tensorrt",
        f"loading the engines {how}; after {CRASHES} such starts they are left alone",
        "update the NVIDIA driver, then run `sgmn build`",
    )


def _answer(folder: Path, fallback: Fallback) -> Selection:
    try:
        choice = choose_engines(open_bundle(folder), fallback)
    except GpuError as error:
        return Selection("refused", error.reason, error.why, error.fix)
    if choice.engine_set is not None:
        choice.engine_set.close()
    return choice.selection


if __name__ == "__main__":
    found = _answer(Path(sys.argv[1]), cast(Fallback, sys.argv[2]))
    fields = {k: v for k, v in found.as_dict().items() if k != "label"}
    sys.stdout.write(json.dumps(fields) + "\n")
