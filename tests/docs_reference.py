"""Writes ``docs/reference/cli.md`` from the commands' own help.

Run as ``python -m tests.docs_reference``; with ``--print`` the page goes to stdout instead.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import click
from click.testing import CliRunner

from runtime.commands.main import cli

REFERENCE = Path(__file__).resolve().parent.parent / "docs" / "reference" / "cli.md"
WIDTH = 80

_HEAD = """# Commands

Made from `sgmn --help` by `python -m tests.docs_reference`.

With `--json` the result is all that goes to stdout: [one object](json.md). Exit codes and errors:
[troubleshooting](../guides/troubleshooting.md#errors-by-code).
`train`, `export`, `calibrate`, `sensitivity`, `report`, `bench`, `ablate` and `gpu-check prepare`
need `pip install '.[train]'`, and so does `--report` of `evaluate`; `quantize` needs only
`'.[quantize]'`.

Environment: `SGMN_SPEECH_MODEL` names the folder of the speech model, `SGMN_HOME` that of
[installed bundles and trusted keys](../guides/bundles.md#where-things-are); `SGMN_KEY_PASSPHRASE`
is the passphrase of a private key, `SOURCE_DATE_EPOCH` the date of a new bundle.
"""

Names = tuple[str, ...]


def commands() -> Iterator[tuple[Names, click.Command]]:
    """Every command with its names, groups before their commands."""
    yield from _below((), cli)


def reference() -> str:
    """The whole page."""
    sections = [_section(names) for names, _ in commands()]
    return "\n".join([_HEAD, *sections])


def _below(names: Names, command: click.Command) -> Iterator[tuple[Names, click.Command]]:
    yield names, command
    if isinstance(command, click.Group):
        context = click.Context(command)
        for name in command.list_commands(context):
            inner = command.get_command(context, name)
            if inner is not None:
                yield from _below((*names, name), inner)


def _section(names: Names) -> str:
    name = " ".join(("sgmn", *names))
    # The terminal's own width must not reach the page.
    result = CliRunner().invoke(
        cli, [*names, "--help"], prog_name="sgmn", terminal_width=WIDTH, catch_exceptions=False
    )
    return f"## `{name}`\n\n```text\n{result.output.strip()}\n```\n"


if __name__ == "__main__":
    if sys.argv[1:] == ["--print"]:
        click.echo(reference(), nl=False)
    else:
        REFERENCE.write_text(reference(), encoding="utf-8")
