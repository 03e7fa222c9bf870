"""What `sgmn evaluate --format lpr4m` and ``movingfashion`` do."""

from __future__ import annotations

import warnings
from pathlib import Path

import click

from models.data.downloads import MissingDataWarning
from models.evaluation.protocols.report import (
    NOTE,
    Benchmark,
    Format,
    measure,
    table_rows,
    write_answers,
)
from runtime.bundle.current import bundle_in_use
from runtime.commands.output import note, print_json, progress, table

SHOWN = 5
"""Failures that are named."""


def run(
    data: Format,
    root: Path,
    bundle: Path | None,
    predictions: Path | None,
    limit: int | None,
    *,
    as_json: bool,
) -> None:
    """Measure, write the answers where asked for, and print."""
    with warnings.catch_warnings(record=True) as missing:
        warnings.simplefilter("always", MissingDataWarning)
        found = measure(data, root, bundle or bundle_in_use(), limit, progress)
    for one in missing:
        note(f"warning: {one.message}")
    if predictions is not None:
        write_answers(predictions, found)
    if as_json:
        print_json(found.as_dict())
    else:
        _print(found, limit)


def _print(found: Benchmark, limit: int | None) -> None:
    about = found.bundle
    click.echo(
        f"bundle   {about['name']} {about['version']} {about['precision']} {about['digest']}"
    )
    click.echo(f"format   {found.data}: {NOTE}")
    if limit is not None:
        click.echo(f"limit    the first {limit} queries only: no published figure")
    table("R@k in %", *table_rows(found))
    for scope, asked in found.asked.items():
        for key, why in list(asked.failures.items())[:SHOWN]:
            click.echo(f"failed   {scope}: {key}: {why}")
        if len(asked.failures) > SHOWN:
            click.echo(f"failed   {scope}: and {len(asked.failures) - SHOWN} more, see --json")
