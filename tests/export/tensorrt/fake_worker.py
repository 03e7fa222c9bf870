"""``python -m tests.export.tensorrt.fake_worker``: a worker whose GPU and TensorRT are made up.

The environment variable FAKE_TENSORRT holds JSON: ``version``, ``faults``, ``networks`` (folder of
described graphs), ``hide`` (packages that are as if they were not installed), ``capacity`` (bytes
of GPU memory) and ``largest_file`` (bytes that a file can have).
"""

from __future__ import annotations

import json
import os
import resource
from pathlib import Path
from typing import Any

VARIABLE = "FAKE_TENSORRT"
VERSION = "10.3.0"


def fake_worker(emit: Any, told: dict[str, Any]) -> Any:
    from export.tensorrt.worker import Worker
    from tests.export.tensorrt.fake_builder import FakeBuilding, Faults
    from tests.runtime.engines.fake_cuda import FakeCuda

    cuda = FakeCuda(told.get("capacity", 8 << 30))
    networks = Path(told["networks"]) if "networks" in told else None
    faults = Faults(**told.get("faults", {}))
    module = FakeBuilding(cuda, told.get("version", VERSION), faults, networks)
    return Worker(emit, lambda: cuda, lambda: module)


def main() -> None:
    told = json.loads(os.environ.get(VARIABLE, "{}"))
    if told.get("hide"):
        from tests.runtime.without import hide

        hide(*told["hide"])
    if told.get("largest_file"):
        limit = told["largest_file"]
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
    from export.tensorrt import worker

    worker.ask_driver = lambda ordinal: None  # type: ignore[assignment, return-value]
    worker.main(lambda emit: fake_worker(emit, told))


if __name__ == "__main__":
    main()
