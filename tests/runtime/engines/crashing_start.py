"""One start of a program with TensorRT engines, for tests that kill it.

usage: python -m tests.runtime.engines.crashing_start BUNDLE STATE MODE

MODE: ``abort`` has plans that end the process when they are loaded; ``wait`` opens the engines,
prints the outcome and waits to be killed; ``work`` runs them long enough to settle before that.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

import numpy as np

from runtime.bundle.reader import open_bundle
from runtime.engines.device import SETTLED_RUNS
from runtime.engines.selection import choose_engines
from tests.runtime.engines.gpu_machine import GpuMachine


def main(folder: str, state: str, mode: str) -> None:
    bundle, gpu = open_bundle(Path(folder)), GpuMachine(Path(state))
    gpu.build(bundle, crash=mode == "abort")
    choice = choose_engines(bundle, "allow", gpu.machine())
    if mode == "work" and choice.engine_set is not None:
        for _ in range(SETTLED_RUNS):
            choice.engine_set.engines["reranker"].run({"x": np.ones((1, 3), np.float32)})
    print(choice.selection.label, flush=True)  # noqa: T201
    if mode != "abort":
        time.sleep(60)


if __name__ == "__main__":
    main(*sys.argv[1:4])
