"""``sgmn doctor``: will a kiosk work on this machine?"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from runtime.commands.options import bundle_option, engine_options, speech_model_option
from runtime.commands.output import json_option, note, print_json

if TYPE_CHECKING:
    from runtime.doctor.finding import Finding
    from runtime.engines.settings import EngineSettings

COLOURS = {"ok": "green", "warn": "yellow", "fail": "bold red"}


@click.command()
@bundle_option
@speech_model_option
@engine_options
@click.option(
    "--clear-crashes", is_flag=True, help="Try TensorRT engines again that were left alone."
)
@json_option
def doctor(
    bundle_folder: Path | None,
    speech_model: Path | None,
    engine: EngineSettings,
    clear_crashes: bool,
    as_json: bool,
) -> int:
    """Check this machine and say how to mend what it lacks.

    Looks at packages, processor, GPU, bundle, engines, speech model, folders and port.
    Exit code 0 if nothing failed, 1 otherwise; warnings do not count.
    """
    from runtime.bundle.current import bundle_in_use
    from runtime.doctor import examination
    from runtime.doctor.finding import healthy

    folder = bundle_folder or bundle_in_use()
    if clear_crashes:
        from runtime.bundle.reader import open_bundle
        from runtime.engines.selection import crash_guard

        guard = crash_guard(open_bundle(folder))
        note(f"Forgot {guard.clear()} crashes in {guard.folder}.")
    findings = examination.examine(folder, speech_model, engine)
    if as_json:
        print_json({"ok": healthy(findings), "findings": [f.as_dict() for f in findings]})
    else:
        _print(findings)
    return 0 if healthy(findings) else 1


def _print(findings: list[Finding]) -> None:
    from rich.console import Console
    from rich.table import Column, Table
    from rich.text import Text

    view = Table("check", "", Column("found", overflow="fold"))
    for finding in findings:
        found = Text(finding.detail)
        if finding.fix:
            found.append(f"\nfix: {finding.fix}", style=COLOURS[finding.status])
        status = Text(finding.status, style=COLOURS[finding.status])
        view.add_row(Text(finding.check), status, found)
    Console().print(view)
    failed = sum(finding.status == "fail" for finding in findings)
    warned = sum(finding.status == "warn" for finding in findings)
    click.echo(f"{len(findings)} checks, {failed} failed, {warned} warnings")
