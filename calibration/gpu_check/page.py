"""The check for people: goals, and sections that did not pass."""

from __future__ import annotations

import click

from calibration.gpu_check.check import Check


def print_check(check: Check) -> None:
    """Print tables on stdout; plain, as the machine may have no package for fine ones."""
    click.echo("Goals")
    for goal in check.goals:
        found = "" if goal.found is None else f"{goal.found:.4g}"
        click.echo(f"  {goal.verdict:<12}  {found:>9}  {goal.name} {goal.limit:g} ({goal.of})")
    statuses = ("passed", "failed", "cut", "skipped")
    counts = ", ".join(f"{len(check.named(status))} {status}" for status in statuses)
    click.echo(f"{len(check.outcomes)} sections in {check.about['seconds']:.0f} s: {counts}")
    for outcome in check.outcomes:
        if outcome.status != "passed":
            click.echo(f"  {outcome.status:<8} {outcome.name}: {outcome.why}")
