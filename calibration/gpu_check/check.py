"""One run of the check: is there a GPU, all sections, the goals, one JSON value."""

from __future__ import annotations

import platform
import shlex
import sys
from collections.abc import Callable, Sequence
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
        outcomes: of all sections, in their order.
        goals: of the outcomes.
    """

    about: dict[str, Any]
    outcomes: list[Outcome]
    goals: list[Goal]

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


def run(job: Job, sections: Sequence[Section], runner: Runner) -> Check:
    """Run sections.

    Args:
        job: what they share.
        sections: the environment is run first, whatever else is asked for.
        runner: runs them.

    Raises:
        GpuError: TensorRT or CUDA for Python is missing; nothing else was run.
    """
    began = datetime.now(timezone.utc)
    about: dict[str, Any] = {
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
    first = [section for section in sections if section.name == FIRST]
    outcomes = runner.run(first)
    _require_tensorrt(outcomes)
    outcomes += runner.run([section for section in sections if section.name != FIRST])
    about["seconds"] = round(runner.seconds, 1)
    return Check(about, outcomes, goals({one.name: one for one in outcomes}))


def _require_tensorrt(outcomes: Sequence[Outcome]) -> None:
    for outcome in outcomes:
        error = outcome.error
        if outcome.status == "failed" and error is not None and error["code"] == GpuError.code:
            raise GpuError(
                f"not run: {error['what']}",
                reason=error.get("reason", "cuda"),  # type: ignore[arg-type]
                why=error["why"],
                fix=error["fix"],
            )
