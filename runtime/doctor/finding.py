"""What a check found."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from typing import Any, Literal

from runtime.errors import SgmnError

Status = Literal["ok", "warn", "fail"]


@dataclass(frozen=True)
class Finding:
    """The outcome of one check.

    Attributes:
        check: its name.
        status: ok, warn (works, but not as well as it could) or fail.
        detail: what was found.
        fix: what to do about it; None if there is nothing to do.
        code: of the engines, the outcome for programs, e.g. ``fallback:no-driver``.
    """

    check: str
    status: Status
    detail: str
    fix: str | None = None
    code: str | None = None

    def as_dict(self) -> dict[str, Any]:
        """JSON-ready fields."""
        return asdict(self)


Check = Callable[[], Iterator[Finding]]


def healthy(findings: list[Finding]) -> bool:
    """Whether nothing failed; warnings are allowed."""
    return all(finding.status != "fail" for finding in findings)


def guarded(name: str, check: Check) -> list[Finding]:
    """The findings of a check; those made before it broke are kept."""
    found: list[Finding] = []
    try:
        found.extend(check())
    except SgmnError as error:
        found.append(Finding(name, "fail", f"{error.what}: {error.why}", error.fix))
    # The one place where any exception may end: it becomes a finding beside all the others.
    except Exception as error:  # noqa: BLE001
        detail = f"the check itself broke ({type(error).__name__}: {error})"
        found.append(Finding(name, "fail", detail, "report this with the output of --json"))
    return found
