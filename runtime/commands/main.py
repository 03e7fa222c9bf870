"""``sgmn``: finds commands without loading what they need."""

from __future__ import annotations

import io
import sys
from importlib import import_module

import click

from runtime.version import __version__

_OWN = {
    "match": "runtime.commands.match:match",
    "demo": "runtime.commands.demo:demo",
    "kiosk": "runtime.commands.kiosk:kiosk",
    "catalog": "runtime.commands.catalog:catalog",
    "bundle": "runtime.commands.bundle:bundle",
    "doctor": "runtime.commands.doctor:doctor",
}


class Commands(click.Group):
    """A group whose commands are modules that are imported when asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Own commands first, then those of the upper floors."""
        return [*_OWN, *sorted(_added())]

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        """Import a command by name."""
        target = _OWN.get(name) or _added().get(name)
        if target is None:
            return None
        module, _, attribute = target.partition(":")
        command = getattr(import_module(module), attribute)
        return command if isinstance(command, click.Command) else None


def _added() -> dict[str, str]:
    from importlib.metadata import entry_points  # slow to load, and most commands need it not

    return {e.name: e.value for e in entry_points(group="sgmn.commands")}


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="sgmn")
def cli() -> None:
    """Which product is being shown? Camera and speech against a local catalog, on the device."""


def main() -> None:
    """Entry point of the console script."""
    from runtime.commands.failure import run_guarded

    if isinstance(sys.stdout, io.TextIOWrapper):
        # A title that the terminal's encoding does not have must not end a command.
        sys.stdout.reconfigure(errors="backslashreplace")
    sys.exit(run_guarded(cli))
