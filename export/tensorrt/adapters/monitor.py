"""Progress of a build, which TensorRT tells from release 10 on."""

from __future__ import annotations

from typing import Any

from export.tensorrt.adapters.adapter import Report


def progress_monitor(trt: Any, report: Report) -> Any:
    """An ``IProgressMonitor`` that reports every phase; phases lie within one another."""

    class Monitor(trt.IProgressMonitor):
        def __init__(self) -> None:
            # TensorRT's bindings refuse super().__init__().
            trt.IProgressMonitor.__init__(self)
            self._steps: dict[str, int] = {}

        def phase_start(self, phase_name: str, parent_phase: str | None, num_steps: int) -> None:
            self._steps[phase_name] = num_steps
            report(phase_name, 0, num_steps)

        def step_complete(self, phase_name: str, step: int) -> bool:
            report(phase_name, step + 1, self._steps.get(phase_name, 0))
            return True  # False would cancel the build

        def phase_finish(self, phase_name: str) -> None:
            self._steps.pop(phase_name, None)

    return Monitor()
