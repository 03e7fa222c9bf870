"""The sections: what each does, what it needs, and how long it may take."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from calibration.gpu_check.cases import TRIALS
from calibration.gpu_check.job import PRECISIONS, Job

_HERE = "calibration.gpu_check"

BUILT_BY = 0.6
"""Share of the whole time after which no engine is built: the rest is for what uses them."""

SMALLEST = "tiny"
"""The network whose engines the fallback cases spoil, as they are quickly copied."""


@dataclass(frozen=True)
class Section:
    """One part of the check.

    Attributes:
        name: ``what`` or ``what/network``.
        work: function of a `Lab`, a `Tell` and the options, as ``module:name``.
        options: of the function.
        limit_s: seconds after which it is cut.
        needs: sections that must have passed.
        until: share of the whole time by which it must have ended.
    """

    name: str
    work: str
    options: dict[str, Any] = field(default_factory=dict)
    limit_s: float = 60.0
    needs: tuple[str, ...] = ()
    until: float = 1.0


def build_name(preset: str, precision: str) -> str:
    """Name of the section that builds these engines."""
    return f"build/{preset}-{precision}"


def sections(job: Job) -> list[Section]:
    """All of them, in an order in which a cut takes what matters least."""
    return [
        Section("environment", f"{_HERE}.environment:environment", limit_s=40.0),
        *_builds(job.presets),
        *_steps(job.presets),
        *_fallbacks(job.presets),
        Section("search", f"{_HERE}.search:search", limit_s=60.0),
        *_memory(job.presets),
        *_accuracy(job),
        *_rivals(job.presets),
    ]


def names(job: Job) -> list[str]:
    """Their names."""
    return [section.name for section in sections(job)]


def _builds(presets: Sequence[str]) -> Iterator[Section]:
    for preset, precision in _networks(presets):
        yield Section(
            build_name(preset, precision),
            f"{_HERE}.building:build",
            {"preset": preset, "precision": precision},
            limit_s=200.0,
            until=BUILT_BY,
        )


def _networks(presets: Sequence[str]) -> list[tuple[str, str]]:
    """The quickest network first, as fallbacks need it; of the others first what ships."""
    first = [(SMALLEST, PRECISIONS[0])] if SMALLEST in presets else []
    others = [
        (preset, precision)
        for precision in PRECISIONS
        for preset in sorted(presets, key=lambda name: name == SMALLEST)
    ]
    return list(dict.fromkeys(first + others))


def _steps(presets: Sequence[str]) -> Iterator[Section]:
    for preset, precision in _networks(presets):
        yield Section(
            f"parity/{preset}-{precision}",
            f"{_HERE}.parity:step_parity",
            {"preset": preset, "precision": precision},
            needs=(build_name(preset, precision),),
        )
    for preset in presets:
        yield Section(f"latency/{preset}", f"{_HERE}.latency:latency", {"preset": preset})


def _fallbacks(presets: Sequence[str]) -> Iterator[Section]:
    if SMALLEST not in presets:
        return
    needs = (build_name(SMALLEST, PRECISIONS[0]),)
    options = {"preset": SMALLEST, "precision": PRECISIONS[0]}
    yield Section("fallbacks", f"{_HERE}.fallbacks:refused_unread", options, needs=needs)
    for case in TRIALS:
        yield Section(
            f"fallbacks/{case}",
            f"{_HERE}.fallbacks:refused_by_tensorrt",
            {**options, "case": case},
            needs=needs,
        )


def _memory(presets: Sequence[str]) -> Iterator[Section]:
    for preset in presets:
        yield Section(f"memory/{preset}", f"{_HERE}.memory:memory", {"preset": preset})


def _accuracy(job: Job) -> Iterator[Section]:
    for preset in job.presets:
        if preset == "lite":
            for precision in reversed(PRECISIONS):
                yield Section(
                    f"accuracy/{preset}-{precision}",
                    f"{_HERE}.accuracy:accuracy",
                    {"preset": preset, "precision": precision},
                    needs=(build_name(preset, precision),),
                )


def _rivals(presets: Sequence[str]) -> Iterator[Section]:
    for preset in presets:
        if preset != SMALLEST:
            yield Section(
                f"rivals/{preset}", f"{_HERE}.rivals:rivals", {"preset": preset}, limit_s=180.0
            )
