"""``sgmn ablate``; what it needs is imported when it runs."""

from __future__ import annotations

from pathlib import Path

import click

from runtime.commands.output import json_option, print_json, progress

DEFAULT = Path(__file__).resolve().parents[1] / "configs" / "ablation.toml"


@click.command()
@click.option(
    "--arms",
    "arms_file",
    type=click.Path(path_type=Path),
    default=DEFAULT,
    help="Arms to compare. Default: models/configs/ablation.toml, which comes with the program.",
)
@click.option(
    "--data",
    type=click.Path(path_type=Path),
    required=True,
    help="GroceryLPR folder, which holds `dev`.",
)
@click.option("--out", type=click.Path(path_type=Path), required=True, help="JSON of the results.")
@click.option(
    "--seeds", type=click.IntRange(min=1), default=3, show_default=True, help="Seeds 1 to this."
)
@click.option(
    "--folds",
    type=click.IntRange(1, 4),
    default=4,
    show_default=True,
    help="Of the four folds of each seed, how many to measure.",
)
@click.option(
    "--features", type=click.Path(path_type=Path), help="Encoded features. Default: beside OUT."
)
@json_option
def ablate(
    arms_file: Path,
    data: Path,
    out: Path,
    seeds: int,
    folds: int,
    features: Path | None,
    as_json: bool,
) -> None:
    """Measure what each part of the network is worth.

    Prints tables in Markdown. Every arm is trained on every seed, with products left out and with
    all. What OUT holds already is not measured again; a run that was stopped goes on.
    """
    from models.requirements import need_training_packages

    need_training_packages()
    from models.ablation.arms import read_arms
    from models.ablation.page import as_markdown
    from models.ablation.study import run_study

    arms = read_arms(arms_file)
    study = run_study(
        arms, data, out, progress, seeds=range(1, seeds + 1), folds=folds, cache=features
    )
    if as_json:
        print_json(study)
        return
    click.echo(as_markdown(study), nl=False)
