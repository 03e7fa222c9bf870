"""The page of a report: one HTML file that holds all it shows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from calibration.budget import Budget
from calibration.records.measurement import PlanMeasurement
from calibration.records.report import Report
from calibration.records.sensitivity import Sensitivity
from calibration.report.complaints import answers
from calibration.report.numbers import NOTHING, fixed, megabytes, milliseconds, signed, span
from calibration.report.pictures import Pictures, illustrated
from calibration.report.sentences import asked, summary, verdict
from export.precision.plan import PrecisionPlan
from models.evaluation.page.plot import for_page
from models.evaluation.page.template import render
from runtime.bundle.manifest import SUBMODULES

PACKAGE, FOLDER = "calibration.report", "templates"


def page(
    report: Report,
    figures: Mapping[str, str],
    pictures: Pictures,
    files: Sequence[str],
    command: str,
) -> str:
    """The HTML.

    Args:
        report: what it shows.
        figures: SVG files by name, of `calibration.report.figures`.
        pictures: of clips and products.
        files: names of the files beside the page.
        command: that made the report; may be empty.
    """
    roles, detailed = _roles(report), in_detail(report)
    return render(
        PACKAGE,
        "page.html.j2",
        _FILTERS,
        FOLDER,
        report=report,
        budget=Budget(report.recommendation.budget),
        verdict=verdict(report),
        within=_gate_holds(report),
        sentences=summary(report),
        asked=asked(report.reference.overall),
        compared=[report.of(name) for name in roles],
        roles=roles,
        figures=_placed(figures),
        parts=SUBMODULES,
        outputs=_outputs(report),
        has_energy=any(one.energy_j is not None for one in report.measurements),
        shown=detailed[0] if detailed else report.reference,
        changes=[(one, illustrated(one, pictures)) for one in detailed],
        complaints=answers(report),
        facts=_facts(report),
        files=files,
        command=command,
    )


def in_detail(report: Report) -> list[PlanMeasurement]:
    """The plans whose rank changes and reliability are shown; FP32 has nothing to show.

    What is recommended and what ships now; where neither is another than FP32, all others.
    """
    names = dict.fromkeys([report.recommendation.plan.name, report.shipped])
    others = report.measurements[1:]
    return [one for one in others if one.plan.name in names] or list(others[:2])


def _roles(report: Report) -> dict[str, str]:
    """Plans that the summary compares, and what each is."""
    chosen, shipped = report.recommendation.plan.name, report.shipped
    roles = {report.reference.plan.name: ["full precision"]}
    roles.setdefault(chosen, []).append("recommended")
    if shipped is not None:
        roles.setdefault(shipped, []).append("ships now")
    return {name: ", ".join(parts) for name, parts in roles.items()}


def _gate_holds(report: Report) -> bool:
    """Whether what ships stays within the budget, as far as it is known."""
    if report.shipped is None:
        return True
    change = report.of(report.shipped).overall.r1_change
    return Budget(report.recommendation.budget).allows(change)


def _placed(figures: Mapping[str, str]) -> dict[str, Any]:
    """Figures by where they stand on the page."""

    def those(beginning: str) -> list[str]:
        return [for_page(svg) for name, svg in figures.items() if name.startswith(beginning)]

    rules = ("With the rule that fits FP32", "With a rule of its own")
    blocks = (
        "What INT8 loses: longer bars lose more",
        "What INT8 saves: left of zero it is slower",
    )
    return {
        "pareto": those("pareto"),
        "blocks": list(zip(blocks, those("block"), strict=False)),
        "calibrations": "".join(those("calibration")),
        "reliability": list(zip(rules, those("reliability"), strict=False)),
    }


def _outputs(report: Report) -> list[str]:
    return list(dict.fromkeys(name for one in report.measurements[1:] for name in one.cosine))


def _facts(report: Report) -> list[tuple[str, str]]:
    """Hardware, versions, seeds and digests."""
    machine = {name: _told(value) for name, value in report.machine.items()}
    loads = [float(one.machine["load_1min"]) for one in report.measurements if one.machine]
    facts = [(name.replace("_", " "), value) for name, value in machine.items()]
    if loads:
        facts.append(("load while measuring", f"{min(loads):g} to {max(loads):g}"))
    latency = report.reference.latency
    if latency is not None:
        facts.append(("ran by", latency.provider or NOTHING))
        facts.append(("steps timed", f"{len(latency.samples_ms)} of each plan"))
    facts += [(f"seed, {name}", str(seed)) for name, seed in report.seeds.items()]
    facts += [(f"digest, {name}", digest) for name, digest in report.digests.items()]
    facts += [(f"digest, bundle {one.plan.name}", one.bundle_digest) for one in report.measurements]
    return facts


def _told(value: Any) -> str:
    if isinstance(value, (list, tuple)):
        return ", ".join(map(str, value)) or "none"
    return "unknown" if value is None else str(value)


def _is_calibrated(plan: PrecisionPlan) -> bool:
    return any(plan.of(name).precision == "int8" for name in SUBMODULES)


def _precision_of(plan: PrecisionPlan, one: Sensitivity) -> str:
    part = plan.of(one.submodule)
    return part.precision if one.block is None else part.of(one.block)


_FILTERS: dict[str, Any] = {
    "fixed": fixed,
    "signed": signed,
    "span": span,
    "megabytes": megabytes,
    "milliseconds": milliseconds,
    "asked": asked,
    "calibrated": _is_calibrated,
    "precision_of": _precision_of,
}
