"""What is to be reached on a GPU, and whether it was."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal

from calibration.gpu_check.memory import LIMITS
from calibration.gpu_check.outcome import Outcome
from calibration.gpu_check.section import build_name

Verdict = Literal["met", "missed", "not measured"]

STEP_MS = 1.0
TIMES_COMPILED = 3.0
LOSS_POINTS = {"fp16": 0.3, "int8": 0.5}
STEPS = 10_000
"""Over which memory must not grow."""

TIMED = ("lite", "b32")


@dataclass(frozen=True)
class Goal:
    """One goal.

    Attributes:
        name: what is to be reached.
        verdict: whether it was.
        limit: the number to reach.
        found: the number found; None where it was not measured.
        of: what it holds for, or why it was not measured.
    """

    name: str
    verdict: Verdict
    limit: float
    found: float | None
    of: str

    def as_dict(self) -> dict[str, Any]:
        """JSON-ready fields."""
        return asdict(self)


Outcomes = Mapping[str, Outcome]


def goals(outcomes: Outcomes) -> list[Goal]:
    """All goals; each stands there whether it could be measured or not.

    Args:
        outcomes: sections by name.
    """
    found = [*_steps(outcomes), *_ratios(outcomes), *_precisions(outcomes)]
    for precision, limit in LOSS_POINTS.items():
        found.append(_loss(outcomes, precision, limit))
    return [*found, *_memory(outcomes)]


def _steps(outcomes: Outcomes) -> Iterator[Goal]:
    for preset in TIMED:
        name, section = f"step p50 of {preset} in ms, below", f"latency/{preset}"
        times = _found(outcomes, section, "alternatives")
        if not times:
            yield _unknown(name, STEP_MS, outcomes, section)
            continue
        precision = min(times, key=lambda one: float(times[one]["p50_ms"]))
        p50, found = float(times[precision]["p50_ms"]), outcomes[section].found
        of = f"{precision}, {found['items']} items, {found['mode']}"
        yield Goal(name, "met" if p50 < STEP_MS else "missed", STEP_MS, p50, of)


def _ratios(outcomes: Outcomes) -> Iterator[Goal]:
    for preset in TIMED:
        name, section = f"times faster than torch.compile, {preset}, at least", f"rivals/{preset}"
        ratio = _found(outcomes, section, "ratios").get("torch_compile")
        if ratio is None:
            why = _found(outcomes, section, "skipped").get("torch_compile", "")
            yield _unknown(name, TIMES_COMPILED, outcomes, section, why)
            continue
        times = float(ratio["median"])
        verdict: Verdict = "met" if times >= TIMES_COMPILED else "missed"
        yield Goal(name, verdict, TIMES_COMPILED, times, outcomes[section].found["precision"])


def _precisions(outcomes: Outcomes) -> Iterator[Goal]:
    """No convolution or matrix product may be computed in another precision than asked for."""
    for preset in TIMED:
        for precision in LOSS_POINTS:
            section = build_name(preset, precision)
            name = f"products of {preset}-{precision} in another precision, at most"
            outcome = outcomes.get(section)
            if outcome is None or outcome.status != "passed":
                yield _unknown(name, 0.0, outcomes, section)
                continue
            engines = outcome.found["engines"]
            unread = [one["submodule"] for one in engines if not one["precision_found"]]
            if unread:
                why = f"the inspector tells nothing of {', '.join(unread)}"
                yield _unknown(name, 0.0, outcomes, section, why)
                continue
            layers = sum((Counter(one["precision_found"]) for one in engines), Counter[str]())
            fallen = sum(len(one["fell_back"]) for one in engines)
            of = "layers: " + ", ".join(f"{n} {kind}" for kind, n in sorted(layers.items()))
            yield Goal(name, "missed" if fallen else "met", 0.0, float(fallen), of)


def _loss(outcomes: Outcomes, precision: str, limit: float) -> Goal:
    """FP16 must be equal to FP32 in both directions, INT8 must not lose more."""
    name = f"R@1 of {precision} against fp32 in points, at most"
    sections = [f"accuracy/lite-{one}" for one in ("fp32", precision)]
    values = [_r1(outcomes, section) for section in sections]
    for section, value in zip(sections, values, strict=True):
        if value is None:
            return _unknown(name, limit, outcomes, section)
    exact, other = (100.0 * float(value or 0.0) for value in values)
    loss = round(exact - other, 6)
    apart = abs(loss) if precision == "fp16" else loss
    clips = outcomes[sections[1]].found["clips"]
    of = f"{other:.2f} against {exact:.2f}, {clips} clips"
    return Goal(name, "met" if apart <= limit else "missed", limit, loss, of)


def _memory(outcomes: Outcomes) -> Iterator[Goal]:
    for preset in TIMED:
        for place in ("device", "host"):
            name, section = f"{place} memory of {preset} in bytes a step", f"memory/{preset}"
            found = _found(outcomes, section, place)
            limit = LIMITS[place]
            slope = found.get("bytes_a_step")
            passed = section in outcomes and outcomes[section].status == "passed"
            if slope is None or not passed:
                yield _unknown(name, limit, outcomes, section)
                continue
            steps, asked = (outcomes[section].found[key] for key in ("steps", "asked"))
            of = f"{steps} of {asked} steps"
            if steps < max(asked, STEPS):
                yield Goal(name, "not measured", limit, float(slope), of)
            else:
                verdict: Verdict = "met" if float(slope) <= limit else "missed"
                yield Goal(name, verdict, limit, float(slope), of)


def _r1(outcomes: Outcomes, section: str) -> float | None:
    groups = _found(outcomes, section, "accuracy")
    return groups["all"]["r1"]["value"] if groups else None


def _found(outcomes: Outcomes, section: str, key: str) -> dict[str, Any]:
    outcome = outcomes.get(section)
    found: dict[str, Any] = (outcome.found.get(key) if outcome else None) or {}
    return found


def _unknown(name: str, limit: float, outcomes: Outcomes, section: str, why: str = "") -> Goal:
    outcome = outcomes.get(section)
    if not why:
        why = f"{section} was not run"
        if outcome is not None:
            why = f"{section} was {outcome.status}" + (f": {outcome.why}" if outcome.why else "")
    return Goal(name, "not measured", limit, None, why)
