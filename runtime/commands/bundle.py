"""``sgmn bundle``: look at the network files of this device."""

from __future__ import annotations

from pathlib import Path

import click

from runtime.commands.output import json_option, print_json


@click.group()
def bundle() -> None:
    """Verify a bundle or find the shipped one."""


@bundle.command()
@click.argument("folder", metavar="[DIR]", type=click.Path(path_type=Path), required=False)
@json_option
def verify(folder: Path | None, as_json: bool) -> None:
    """Check every byte of the bundle in DIR (default: the shipped one)."""
    from runtime.bundle.reader import open_bundle
    from runtime.bundle.shipped import shipped_bundle

    opened = open_bundle(folder or shipped_bundle())
    manifest = opened.manifest
    size = sum(entry.size_bytes for entry in manifest.files.values())
    if as_json:
        print_json(
            {
                "folder": str(opened.folder),
                "name": manifest.name,
                "version": manifest.version,
                "preset": manifest.preset,
                "precision": manifest.precision,
                "digest": opened.digest,
                "files": len(manifest.files),
                "size_bytes": size,
            }
        )
        return
    click.echo(f"{manifest.name} {manifest.version} ({manifest.preset}, {manifest.precision})")
    click.echo(f"digest  {opened.digest}")
    click.echo(f"files   {len(manifest.files)}, {size / 1e6:.1f} MB, all verified")


@bundle.command()
@json_option
def path(as_json: bool) -> None:
    """Print the folder of the shipped bundle."""
    from runtime.bundle.shipped import shipped_bundle

    folder = str(shipped_bundle())
    if as_json:
        print_json({"folder": folder})
    else:
        click.echo(folder)
