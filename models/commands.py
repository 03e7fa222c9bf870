"""Commands that the network's floor adds to ``sgmn``; what they need is imported when they run."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from runtime.commands.options import bundle_option
from runtime.commands.output import json_option, note, print_json, progress
from runtime.errors import UsageError

_path = click.Path(path_type=Path)


@click.command()
@click.option(
    "--format",
    "data_format",
    type=click.Choice(["grocery", "lpr4m", "movingfashion"]),
    default="grocery",
    show_default=True,
    help="Of the data; the last two take --root alone and run the published protocol.",
)
@click.option("--clips", "manifest", type=_path, help="Manifest, a clip a line.")
@click.option("--root", type=_path, required=True, help="Folder the photo paths are relative to.")
@click.option("--catalog", type=_path, help="Feed of the products.")
@click.option("--distractors", type=_path, help="Feed of more products, which no clip shows.")
@click.option("--enrol", type=_path, help="List of photos to enrol, of splits train and val.")
@click.option(
    "--tier",
    "tiers",
    type=click.Choice(["L0", "L1", "L2", "L3", "all"]),
    multiple=True,
    default=["L0"],
    show_default=True,
    help="Difficulty: L0 are the photos as they are. May be given several times.",
)
@click.option(
    "--modality",
    "modalities",
    type=click.Choice(["fused", "image", "text", "all"]),
    multiple=True,
    default=["fused"],
    show_default=True,
    help="Pictures and words, or one of them alone. May be given several times.",
)
@click.option(
    "--text-field",
    type=click.Choice(["text_asr", "text_clean"]),
    default="text_asr",
    show_default=True,
    help="The words as recognised, or as spoken.",
)
@bundle_option
@click.option("--predictions", type=_path, help="Write the ranked products, a line a clip.")
@click.option("--against", type=_path, help="Compare with predictions of an earlier run.")
@click.option("--report", "report_folder", type=_path, help="Write a page with figures here.")
@click.option("--limit", type=click.IntRange(min=1), help="Take the first clips only.")
@json_option
def evaluate(
    data_format: Any,
    manifest: Path | None,
    root: Path,
    catalog: Path | None,
    distractors: Path | None,
    enrol: Path | None,
    tiers: Any,
    modalities: Any,
    text_field: Any,
    bundle_folder: Path | None,
    predictions: Path | None,
    against: Path | None,
    report_folder: Path | None,
    limit: int | None,
    as_json: bool,
) -> None:
    """Measure how often a bundle names the right product.

    The catalog is built and asked as in a kiosk, by labelled clips. A manifest without labels gives
    predictions only. Several tiers and modalities make a table of all combinations in one run.
    """
    if predictions is not None:
        read = (manifest, catalog, distractors, enrol, against)
        _check_output(predictions, [file for file in read if file is not None])
    if data_format != "grocery":
        from models.evaluation.protocols.command import run as run_protocol

        return run_protocol(data_format, root, bundle_folder, predictions, limit, as_json=as_json)
    if manifest is None or catalog is None:
        raise UsageError(
            "cannot evaluate without clips and a catalog",
            why="--clips or --catalog is missing",
            fix="give both, or another --format",
        )
    from models.evaluation.gallery import Stock
    from models.evaluation.run import Request, run
    from runtime.bundle.current import bundle_in_use

    request = Request(manifest, root, tiers, modalities, text_field, limit)
    stock = Stock(catalog, distractors, enrol)
    bundle = bundle_folder or bundle_in_use()
    found = run(request, stock, bundle, against, report_folder, progress)
    found.write(predictions, report_folder)
    if as_json:
        print_json(found.as_dict())
    else:
        found.show()
    return None


def _check_output(file: Path, inputs: Sequence[Path]) -> None:
    """Find out before the long run that its result would have no place, or replace an input."""
    if not file.absolute().parent.is_dir():
        raise UsageError(
            f"cannot write {file}",
            why="its folder does not exist",
            fix=f"mkdir -p {file.parent}",
        )
    if file.resolve() in [given.resolve() for given in inputs]:
        raise UsageError(
            f"cannot write {file}",
            why="it is one of the files that are read",
            fix="name another file with --predictions",
        )


@click.command()
@click.option(
    "--config",
    required=True,
    metavar="NAME|FILE",
    help="Settings of the run: lite, zero_shot, b32, tiny, or a .toml file.",
)
@click.option("--data", type=_path, required=True, help="Folder of the data set.")
@click.option("--out", type=_path, required=True, help="Folder of the run.")
@click.option("--restart", is_flag=True, help="Begin anew, whatever OUT holds.")
@json_option
def train(config: str, data: Path, out: Path, restart: bool, as_json: bool) -> None:
    """Train a network and write OUT/checkpoint.safetensors.

    Its header holds settings, seed and digests. The same command goes on where an interrupted or
    killed one ended. Under `torchrun` several processes train together.
    """
    from models.requirements import need_training_packages

    need_training_packages()
    from models.training.config import config_file, read_config
    from models.training.distributed import speaks
    from models.training.run import train as run
    from runtime.catalog.progress import no_progress

    show = progress if speaks() else no_progress
    try:
        checkpoint = run(read_config(config_file(config)), data, out, show, restart=restart)
    except KeyboardInterrupt:
        if speaks():
            note(f"The same command goes on with the run in {out}.")
        raise
    if not speaks():
        return
    if as_json:
        print_json({"checkpoint": str(checkpoint)})
    else:
        click.echo(f"Wrote {checkpoint}")
