"""Makes one part of a bundle's assembly; called by ``cmake --build build --target bundle``."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import click

from runtime.commands.failure import run_guarded

_path = click.Path(path_type=Path)


@click.command()
@click.option("--out", type=_path, required=True, help="Folder of the part.")
@click.option("--proof", required=True, help="A file that is in it once COMMAND succeeded.")
@click.option("--resumes", is_flag=True, help="The command goes on in the folder that is there.")
@click.option("--depfile", type=_path, help="Where to list the files read.")
@click.option("--reads", "places", type=_path, multiple=True, help="File or folder that is read.")
@click.option("--part", "parts", type=_path, multiple=True, help="Folder of a part before.")
@click.option("--code", "modules", multiple=True, help="Module that runs, with its imports.")
@click.option("--feed", "feeds", type=_path, multiple=True, help="Feed that is read.")
@click.option("--clips", type=_path, help="Labelled clips that are read.")
@click.option("--root", type=_path, help="Folder their photos are relative to.")
@click.option("--enrol", type=_path, help="List of photos that is read.")
@click.argument("command", nargs=-1, required=True)
def make(
    out: Path,
    proof: str,
    resumes: bool,
    depfile: Path | None,
    places: tuple[Path, ...],
    parts: tuple[Path, ...],
    modules: tuple[str, ...],
    feeds: tuple[Path, ...],
    clips: Path | None,
    root: Path | None,
    enrol: Path | None,
    command: tuple[str, ...],
) -> int:
    """Run COMMAND, in which {out} stands for the folder, if what it reads has changed."""
    from calibration.assembly.part import Part
    from calibration.assembly.sources import Sources

    sources = Sources(places, parts, modules, feeds, clips, root, enrol)
    try:
        made = Part(out, proof, command, sources, resumes).make(depfile)
    except subprocess.CalledProcessError as error:
        return int(error.returncode)
    click.echo(f"{out.name}: {'made' if made else 'nothing it is made of has changed'}")
    return 0


if __name__ == "__main__":
    sys.exit(run_guarded(make))
