"""Commands that the network's floor adds to ``sgmn``; what they need is imported when they run."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from runtime.commands.options import bundle_option
from runtime.commands.output import json_option, note, print_json, progress, table
from runtime.errors import UsageError

if TYPE_CHECKING:
    from models.evaluation.evaluate import Evaluation
    from models.evaluation.metrics import Estimate

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
@click.option(
    "--tier",
    type=click.Choice(["L0", "L1", "L2", "L3"]),
    default="L0",
    show_default=True,
    help="Difficulty: L0 are the photos as they are.",
)
@click.option(
    "--modality",
    type=click.Choice(["fused", "image", "text"]),
    default="fused",
    show_default=True,
    help="Pictures and words, or one of them alone.",
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
@click.option("--limit", type=click.IntRange(min=1), help="Take the first clips only.")
@json_option
def evaluate(
    data_format: Any,
    manifest: Path | None,
    root: Path,
    catalog: Path | None,
    distractors: Path | None,
    tier: Any,
    modality: Any,
    text_field: Any,
    bundle_folder: Path | None,
    predictions: Path | None,
    limit: int | None,
    as_json: bool,
) -> None:
    """Measure how often a bundle names the right product of labelled clips.

    The catalog is built and asked as in a kiosk. A manifest without labels gives predictions only.
    """
    if data_format != "grocery":
        from models.evaluation.protocols.command import run

        return run(data_format, root, bundle_folder, predictions, limit, as_json=as_json)
    if manifest is None or catalog is None:
        raise UsageError(
            "cannot evaluate without clips and a catalog",
            why="--clips or --catalog is missing",
            fix="give both, or another --format",
        )
    if predictions is not None:
        _check_output(predictions, [manifest, catalog, *filter(None, [distractors])])
    from models.data.grocery_lpr import read_clips
    from models.evaluation.evaluate import evaluate as measure
    from models.evaluation.prediction import Question, write_predictions
    from runtime.bundle.shipped import shipped_bundle

    clips = read_clips(manifest, root, tier)[:limit]
    question = Question(tier, modality, text_field)
    bundle = bundle_folder or shipped_bundle()
    found = measure(clips, root, catalog, distractors, question, bundle, progress)
    if predictions is not None:
        write_predictions(predictions, found.predictions)
    if as_json:
        print_json(found.as_dict())
    else:
        _print(found)
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


def _print(found: Evaluation) -> None:
    from models.evaluation.evaluate import NOTE

    about, asked = found.bundle, found.question
    click.echo(
        f"bundle   {about['name']} {about['version']} {about['precision']} {about['digest']}"
    )
    click.echo(f"clips    {len(found.predictions)} ({NOTE})")
    click.echo(f"gallery  {found.gallery} products")
    click.echo(f"asked    tier {asked.tier}, {asked.modality}, {asked.text_field}")
    machine = found.machine
    click.echo(
        f"time     {found.seconds_a_clip * 1e3:.1f} ms a clip without rendering, "
        f"{machine['cpu']}, {machine['cores']} cores, load {machine['load_1min']}"
    )
    if not found.groups:
        click.echo("accuracy unknown: the clips have no labels")
        return
    columns = ("group", "clips", "R@1", "R@1 if ties count", "R@5", "MRR", "named", "rightly")
    rows = [
        (
            name,
            str(group.clips),
            *map(_percent, (group.r1, group.r1_optimistic, group.r5)),
            _percent(group.mrr),
            _percent(group.coverage),
            _percent(group.precision),
        )
        for name, group in found.groups.items()
    ]
    table("Accuracy in %, with 95 % intervals over products", columns, rows)
    click.echo("named: clips for which the screen names a product, and how many of those rightly")


def _percent(value: Estimate | None) -> str:
    if value is None:
        return "-"
    if value.low is None or value.high is None:
        return f"{value.value * 100:.1f}"
    return f"{value.value * 100:.1f}\n{value.low * 100:.0f}-{value.high * 100:.0f}"


@click.command()
@click.option("--config", "config_file", type=_path, required=True, help="Settings of the run.")
@click.option("--data", type=_path, required=True, help="GroceryLPR folder, which holds `dev`.")
@click.option("--out", type=_path, required=True, help="Folder of the run.")
@click.option("--restart", is_flag=True, help="Begin anew, whatever OUT holds.")
@json_option
def train(config_file: Path, data: Path, out: Path, restart: bool, as_json: bool) -> None:
    """Train a network; writes OUT/checkpoint.safetensors with its settings, seed and digests.

    The same command goes on where an interrupted or killed one ended. Under `torchrun` several
    processes train together.
    """
    from models.requirements import need_training_packages

    need_training_packages()
    from models.training.config import read_config
    from models.training.distributed import speaks
    from models.training.run import train as run

    show = progress if speaks() else _silent
    try:
        checkpoint = run(read_config(config_file), data, out, show, restart=restart)
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


def _silent(items: Iterable[Any], **_: Any) -> Iterable[Any]:
    return items
