"""Everything a run of the benchmark found, and its JSON."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from calibration.bench.paired import Series
from calibration.bench.ratio import Ratio, ratio

FLOORS = {
    "step_int8_vs_torch_eager_clip": 15.0,
    "step_int8_vs_fp32": 1.4,
    "b32_query_vs_release_603": 50.0,
}
"""Least ratios of medians on two AVX2 cores, on one thread."""

TAIL = "step_int8_p95_over_p50"
LONGEST_TAIL = 1.6


INCLUDES = {
    "step": "cut and scale one camera frame, encode it, join it with the cached ring and the words "
    "(read before); search the whole catalog; re-rank; decide",
    "clip": "as step, all T frames encoded: in the runtime one by one, in torch as one batch",
    "frames": "as clip, in torch one by one",
    "release_query": "encode T frames; encode the whole shelf again; score it; fuse and match all "
    "pairs, two at a time; sort. Not included: reading, decoding and scaling the shelf's pictures",
}
"""What is timed, by the end of an alternative's name."""


@dataclass(frozen=True)
class Contest:
    """Alternatives measured together.

    Attributes:
        name: of the work, e.g. ``kiosk`` or ``frame_encoder``.
        threads: of every alternative.
        series: by name of the alternative.
        load: average of the last minute before and after.
        stages: milliseconds by bundle and stage of a step; empty where there are none.
        compile_s: seconds of ``torch.compile``, where it took part.
    """

    name: str
    threads: int
    series: dict[str, Series]
    load: tuple[float, float]
    stages: dict[str, dict[str, list[float]]] = field(default_factory=dict)
    compile_s: float | None = None

    def ratios(self, pairs: Iterable[tuple[str, str, str]], seed: int) -> dict[str, Ratio]:
        """Those of the pairs (name, slow, fast) that took part; threads but one are named."""
        mark = "" if self.threads == 1 else f"_{self.threads}_threads"
        return {
            name + mark: ratio(self.series[slow], self.series[fast], seed)
            for name, slow, fast in pairs
            if slow in self.series and fast in self.series
        }

    def as_dict(self, *, raw: bool) -> dict[str, Any]:
        """JSON-ready.

        Args:
            raw: with all samples.
        """
        alternatives = {name: one.as_dict() for name, one in self.series.items()}
        if raw:
            for name, one in self.series.items():
                alternatives[name]["rounds_ms"] = [_rounded(times) for times in one.rounds]
        stages = {
            bundle: {stage: _middle(stage, times) for stage, times in spent.items()}
            for bundle, spent in self.stages.items()
        }
        return {
            "name": self.name,
            "threads": self.threads,
            "load_1min": list(self.load),
            "alternatives": alternatives,
            **({"stages_p50_ms": stages} if stages else {}),
            **({} if self.compile_s is None else {"compile_s": round(self.compile_s, 1)}),
        }


@dataclass
class Results:
    """A run.

    Attributes:
        about: hardware, versions, settings, command line; JSON-ready.
        contests: in the order they were held.
        ratios: by name, slow over fast.
        skipped: why something took no part, by its name.
        extrapolated_from: what stands for the rest, by the ratio's name.
    """

    about: dict[str, Any]
    contests: list[Contest] = field(default_factory=list)
    ratios: dict[str, Ratio] = field(default_factory=dict)
    skipped: dict[str, str] = field(default_factory=dict)
    extrapolated_from: dict[str, Any] = field(default_factory=dict)

    def tail(self) -> float | None:
        """p95 over p50 of the INT8 step on one thread, where it was measured."""
        for contest in self.contests:
            if contest.threads == 1 and "int8_step" in contest.series:
                steps = contest.series["int8_step"]
                return steps.percentile(95) / steps.percentile(50)
        return None

    def goals(self) -> dict[str, dict[str, Any]]:
        """What was to be reached and was measured: limit, value, and whether it holds."""
        found: dict[str, dict[str, Any]] = {}
        for name, least in FLOORS.items():
            if name in self.ratios:
                value = self.ratios[name].median
                found[name] = {"least": least, "found": _short(value), "met": value >= least}
        tail = self.tail()
        if tail is not None:
            found[TAIL] = {"most": LONGEST_TAIL, "found": _short(tail), "met": tail <= LONGEST_TAIL}
        return found

    def as_dict(self, *, raw: bool) -> dict[str, Any]:
        """JSON-ready; ``raw`` with all samples."""
        return {
            "ratios": {name: one.as_dict() for name, one in self.ratios.items()},
            "goals": self.goals(),
            "extrapolated_from": self.extrapolated_from,
            "skipped": self.skipped,
            "contests": [contest.as_dict(raw=raw) for contest in self.contests],
            "includes": INCLUDES,
            **self.about,
        }


def _middle(name: str, times: list[float]) -> float:
    return round(Series(name, (tuple(times),)).percentile(50), 4)


def _rounded(times: Iterable[float]) -> list[float]:
    return [round(ms, 4) for ms in times]


def _short(value: float) -> float:
    return float(f"{value:.4g}")
