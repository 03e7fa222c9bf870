"""How a section ended."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from runtime.errors import SgmnError

Status = Literal["passed", "failed", "skipped", "cut"]


@dataclass(frozen=True)
class Outcome:
    """One section.

    Attributes:
        name: of the section.
        status: ``passed``; ``failed``; ``skipped``, as something it needs is not there; ``cut``,
            as time was up.
        seconds: that it took.
        found: what it found, JSON-ready; of one that failed or was cut, up to then.
        why: of a section that did not pass.
        error: code, what, why and fix, where it failed with an error of its own.
    """

    name: str
    status: Status
    seconds: float = 0.0
    found: dict[str, Any] = field(default_factory=dict)
    why: str = ""
    error: dict[str, str] | None = None

    def as_dict(self) -> dict[str, Any]:
        """JSON-ready fields."""
        fields = asdict(self)
        del fields["name"]
        return {**fields, "seconds": round(self.seconds, 2)}


class SkippedError(SgmnError):
    """A section cannot run here, and that is no fault."""

    code = "skipped"
