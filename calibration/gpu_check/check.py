"""One run of the check: is there a GPU, all sections, the goals, one JSON value."""

from __future__ import annotations

import platform
import shlex
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any

from calibration.gpu_check.goals import Goal, goals
from calibration.gpu_check.job import Job
from calibration.gpu_check.material import read_material
from calibration.gpu_check.outcome import Outcome
from calibration.gpu_check.runner import Runner
from calibration.gpu_check.section import Section
from runtime.engines.cuda import Gpu, ask_driver
from runtime.errors import GpuError
from runtime.version import __version__

SCHEMA_VERSION = 1
FIRST = "environment"


@dataclass(frozen=True)
class Check:
    """What a run found.

    Attributes:
        about: versions, material, command and times; JSON-ready.
        outcomes: of the sections that were run, in their order.
        goals: of the outcomes.
        to_come: names of the sections that are still to be run.
    """

    about: dict[str, Any]
    outcomes: list[Outcome]
    goals: list[Goal]
    to_come: list[str]

    def named(self, status: str) -> list[str]:
        """Sections that ended so."""
        return [one.name for one in self.outcomes if one.status == status]

    def as_dict(self) -> dict[str, Any]:
        """The JSON value."""
        return {
            "schema_version": SCHEMA_VERSION,
            **self.about,
            "environment": next((o.found for o in self.outcomes if o.name == FIRST), {}),
            "goals": [goal.as_dict() for goal in self.goals],
            "failed": self.named("failed"),
            "cut": self.named("cut"),
            "skipped": self.named("skipped"),
            "to_come": self.to_come,
            "sections": {one.name: one.as_dict() for one in self.outcomes},
        }


def require_gpu(ask: Callable[[], Gpu] = ask_driver) -> Gpu:
    """See that there is something to check.

    Raises:
        GpuError: there is no driver or no GPU; nothing was run.
    """
    try:
        return ask()
    except GpuError as error:
        lacking = {"no-driver": "no NVIDIA driver", "no-device": "no NVIDIA GPU"}
        raise GpuError(
            f"not run: {lacking.get(error.reason, error.what)}",
            reason=error.reason,
            why=error.why,
            fix=error.fix,
        ) from error


def run(job: Job, sections: Sequence[Section], runner: Runner) -> Iterator[Check]:
    """Run sections.

    Args:
        job: what they share.
        sections: in their order; the first one is the environment.
        runner: runs them.

    Yields:
        What there is after every section, so that a check which is ended leaves what it found.

    Raises:
        GpuError: TensorRT or CUDA for Python is missing; nothing else was run.
    """
    about = _about(job)
    outcomes: list[Outcome] = []
    for outcome in runner.run(sections):
        if outcome.name == FIRST:
            _require_tensorrt(outcome)
        outcomes.append(outcome)
        so_far = {**about, "seconds": round(runner.seconds, 1)}
        reached = goals({one.name: one for one in outcomes})
        to_come = [section.name for section in sections[len(outcomes) :]]
        yield Check(so_far, list(outcomes), reached, to_come)


def _about(job: Job) -> dict[str, Any]:
    began = datetime.now(timezone.utc)
    return {
        "sgmn_edge": __version__,
        "python": platform.python_version(),
        "command": shlex.join(sys.argv),
        "started": began.isoformat(timespec="seconds"),
        "material": read_material(job.material),
        "settings": {
            "items": job.items,
            "steps": job.steps,
            "rounds": job.rounds,
            "sizes": list(job.sizes),
            "workspace_mib": job.workspace_mib,
            "seed": job.seed,
        },
    }


def _require_tensorrt(environment: Outcome) -> None:
    error = environment.error
    if environment.status == "failed" and error is not None and error["code"] == GpuError.code:
        raise GpuError(
            f"not run: {error['what']}",
            reason=error.get("reason", "cuda"),  # type: ignore[arg-type]
            why=error["why"],
            fix=error["fix"],
        )
