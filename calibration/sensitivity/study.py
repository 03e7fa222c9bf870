"""One study: every block's sensitivity and the mixed plan, in files that a report takes up."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from calibration.budget import Budget
from calibration.measurement.measurer import Measurer
from calibration.plans import write_plan
from calibration.records.json import to_json
from calibration.records.sensitivity import Sensitivity
from calibration.sensitivity.search import COSINE, Found, Search
from calibration.sensitivity.sweep import Effort, sweep
from export.precision.plan import PrecisionPlan
from runtime.bundle.files import write_durably
from runtime.catalog.progress import Progress

RESULT = "sensitivity.json"
PLAN = "mixed.toml"


@dataclass(frozen=True)
class Study:
    """What came of a study.

    Attributes:
        whole: the plan with everything in INT8 that may be.
        sensitivities: a block each, the most sensitive first.
        found: what the search ended with; None where there was none.
    """

    whole: PrecisionPlan
    sensitivities: tuple[Sensitivity, ...]
    found: Found | None

    def as_dict(self) -> dict[str, Any]:
        """JSON-ready fields."""
        return {
            "plan": self.whole.as_dict(),
            "sensitivities": [to_json(one) for one in self.sensitivities],
            "search": None if self.found is None else to_json(self.found),
        }

    def write(self, out: Path) -> None:
        """Write ``sensitivity.json`` and, where a plan was found, ``mixed.toml``.

        Raises:
            OSError: the folder cannot be written or the disk is full.
        """
        write_durably(out / RESULT, (json.dumps(self.as_dict(), indent=1) + "\n").encode())
        if self.found is not None:
            write_plan(out / PLAN, self.found.plan)


def study(
    measurer: Measurer,
    whole: PrecisionPlan,
    effort: Effort,
    budget: Budget | None,
    progress: Progress,
    cosine: float = COSINE,
) -> Study:
    """Sweep all blocks and search for the mixed plan.

    Args:
        measurer: measures and remembers.
        whole: the plan with everything in INT8 that may be.
        effort: how much to measure.
        budget: of R@1; None leaves the search out.
        progress: shows progress.
        cosine: mean cosine of query vectors to FP32's that the plan must keep.
    """
    found = sweep(measurer, whole, effort, progress)
    if budget is None:
        return Study(whole, found, None)
    search = Search(measurer, whole, found, budget, cosine, progress=progress)
    return Study(whole, found, search.run())
