"""Results for people: one table, and what follows from it in sentences."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from calibration.bench.results import Contest, Results
from runtime.commands.output import table


def print_results(results: Results) -> None:
    """Print table and sentences on stdout."""
    import click

    columns = ("work", "threads", "alternative", "p50 ms", "p95 ms", "samples")
    table("Latency", columns, [row for contest in results.contests for row in _rows(contest)])
    for line in sentences(results):
        click.echo(line)


def sentences(results: Results) -> Iterator[str]:
    """What a reader takes away: ratios with intervals, goals, and what is missing and why."""
    for name, one in results.ratios.items():
        scaled = " (scaled from a part)" if name in results.extrapolated_from else ""
        yield f"{name}: {one.median:.4g} times, 95 % of {one.low:.4g} to {one.high:.4g}{scaled}"
    for name, goal in results.goals().items():
        yield _goal(name, goal)
    for name, why in results.skipped.items():
        yield f"left out, {name}: {why}"
    network = results.about.get("network")
    if network:
        yield f"weights of FP32 and torch: {network['weights']}"


def _goal(name: str, goal: dict[str, Any]) -> str:
    limit = f"at least {goal['least']:g}" if "least" in goal else f"at most {goal['most']:g}"
    return f"goal {name}, {limit}: {goal['found']:g}, {'met' if goal['met'] else 'MISSED'}"


def _rows(contest: Contest) -> Iterator[tuple[str, ...]]:
    for name, series in contest.series.items():
        figures = series.as_dict()
        times = (f"{figures[f'p{p}_ms']:.2f}" for p in (50, 95))
        yield contest.name, str(contest.threads), name, *times, str(figures["samples"])
